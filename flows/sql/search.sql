CREATE OR REPLACE VIEW search_stop_word AS
SELECT unnest(
    ['a', 'after', 'an', 'and', 'any', 'are', 'as', 'at', 'be', 'by', 'code', 'codes', 'cpt', 'for', 'from', 'hcpcs', 'how', 'if', 'in', 'into', 'is',
    'it', 'its', 'modifier', 'no', 'not', 'of', 'on', 'only', 'or', 'other', 'per', 'than', 'that', 'the', 'this', 'to', 'what', 'when', 'where', 'which', 'who',
    'with', 'without']
) AS word;

COMMENT ON VIEW search_stop_word IS 'Words of a question that search leaves out, unless it has no other words.';
COMMENT ON COLUMN search_stop_word.word IS 'The word in small letters.';

CREATE OR REPLACE VIEW source_file_title AS
SELECT file.source_file, listed.title, listed.publisher
FROM raw_file AS file
JOIN release AS listed ON listed.source = file.source AND listed.release_id = file.release_id;

COMMENT ON VIEW source_file_title IS 'Title and publisher of each raw file, as its origin.json states them: what a text that came from it is.';
COMMENT ON COLUMN source_file_title.source_file IS 'Path below raw/.';
COMMENT ON COLUMN source_file_title.title IS 'Title of the release that the file belongs to.';
COMMENT ON COLUMN source_file_title.publisher IS 'Who published it.';

-- How well a word of the texts stands for a word of the question: 1 is the same word. Only words that no text holds are taken as misspelt.
CREATE OR REPLACE MACRO search_matches(the_text, as_kind) AS TABLE
WITH given AS (
    SELECT
        list_distinct(regexp_extract_all(lower(strip_accents(left(the_text, 200))), '[a-z0-9]+')) AS words,
        (SELECT list(stop.word) FROM search_stop_word AS stop) AS left_out
),
telling AS (
    SELECT given.words, list_filter(given.words, lambda each_word: NOT list_contains(given.left_out, each_word)) AS kept
    FROM given
),
asked_words AS (SELECT unnest(CASE WHEN len(telling.kept) > 0 THEN telling.kept ELSE telling.words END) AS asked FROM telling),
chosen AS (SELECT asked_words.asked, regexp_replace(asked_words.asked, '([^s])s$', '\1') AS stem FROM asked_words),
vocabulary AS (
    SELECT found.kind, found.word, found.subject_count, found.weight
    FROM search_word AS found
    WHERE found.is_first AND (as_kind IS NULL OR list_contains(as_kind, found.kind))
),
as_written AS (
    SELECT
        chosen.asked,
        vocabulary.kind,
        vocabulary.word,
        vocabulary.subject_count,
        CASE
            WHEN vocabulary.word = chosen.asked THEN 1.0
            WHEN length(vocabulary.word) - length(chosen.stem) <= 1 THEN 0.95
            ELSE 0.5 + 0.4 * length(chosen.stem) / length(vocabulary.word)
        END AS likeness
    FROM chosen
    JOIN vocabulary
        ON left(vocabulary.word, 3) = left(chosen.asked, 3)  -- follows from what comes next, and lets words be found by a hash
        AND (vocabulary.word = chosen.asked OR (length(chosen.stem) >= 3 AND starts_with(vocabulary.word, chosen.stem)))
),
unknown AS (
    SELECT chosen.asked
    FROM chosen
    WHERE length(chosen.asked) >= 4
        AND NOT regexp_matches(chosen.asked, '[0-9]')
        AND chosen.asked NOT IN (SELECT known.asked FROM as_written AS known WHERE known.likeness >= 0.95)
),
misspelt AS (
    SELECT
        unknown.asked,
        vocabulary.kind,
        vocabulary.word,
        vocabulary.subject_count,
        0.7 * jaro_winkler_similarity(vocabulary.word, unknown.asked) AS likeness
    FROM unknown
    JOIN vocabulary
        ON (vocabulary.weight < 10 OR vocabulary.kind <> 'code')  -- a code has digits, so it is never one slip from a word without any
        AND abs(length(vocabulary.word) - length(unknown.asked)) <= 3
        AND jaro_winkler_similarity(vocabulary.word, unknown.asked, 0.85) > 0
        AND damerau_levenshtein(rtrim(vocabulary.word, 's'), rtrim(unknown.asked, 's'))
            <= CASE WHEN length(unknown.asked) < 8 THEN 1 ELSE 2 END
)
SELECT found.asked, found.kind, found.word, max(found.likeness) AS likeness, any_value(found.subject_count) AS subject_count
FROM (FROM as_written UNION ALL FROM misspelt) AS found
GROUP BY found.asked, found.kind, found.word;

COMMENT ON MACRO TABLE search_matches IS 'Words of the texts that stand for the words of a question, with their likeness (1 is the same word) and how many subjects hold them: search_matches(text, kinds).';

CREATE OR REPLACE MACRO search_ranked(the_text, as_kind, max_rows) AS TABLE
WITH hits AS (
    SELECT
        found.kind,
        found.subject,
        alike.asked,
        max(alike.likeness * ln(1.0 + 20000.0 / alike.subject_count) * found.weight / CASE WHEN found.weight = 10 THEN 1.0 ELSE ln(2.0 + found.word_count) END) AS points,
        max_by(found.word, alike.likeness * found.weight) AS word
    FROM search_matches(the_text, as_kind) AS alike
    JOIN search_word AS found ON found.kind = alike.kind AND found.word = alike.word
    GROUP BY found.kind, found.subject, alike.asked
),
scored AS (
    SELECT
        hits.kind,
        hits.subject,
        count(*) AS words_found,
        round(sum(hits.points), 3) AS score,
        string_agg(hits.word, ' ' ORDER BY hits.word) AS matched
    FROM hits
    GROUP BY hits.kind, hits.subject
)
SELECT scored.*, row_number() OVER (ORDER BY scored.words_found DESC, scored.score DESC, scored.kind, scored.subject) AS place
FROM scored
QUALIFY place <= max_rows;

COMMENT ON MACRO TABLE search_ranked IS 'Subjects that hold the words of a question: first those that hold most of them, then by weight and rarity: search_ranked(text, kinds, rows).';

CREATE OR REPLACE MACRO search_code_texts(the_text, as_kind, max_rows) AS TABLE
WITH ranked AS (SELECT hit.* FROM search_ranked(the_text, as_kind, max_rows) AS hit),
best AS (
    SELECT
        told.code,
        max_by(
            struct_pack(description := told.description, licence := told.licence, source_file := told.source_file),
            [
                CAST(told.valid_to IS NULL AS INTEGER),
                list_position(['short', 'overview', 'plain_language', 'long', 'official'], told.kind)
            ]
        ) AS told
    FROM ranked
    JOIN code_description AS told ON ranked.kind = 'code' AND told.code = ranked.subject
    GROUP BY told.code
)
SELECT ranked.*, best.told.description AS text, best.told.licence AS licence, best.told.source_file AS source_file
FROM ranked
LEFT JOIN best ON ranked.kind = 'code' AND best.code = ranked.subject;

COMMENT ON MACRO TABLE search_code_texts IS 'Subjects as search_ranked has them, codes with the text that describes them best: search_code_texts(text, kinds, rows).';

CREATE OR REPLACE MACRO search(the_text, max_rows := 20, as_kind := NULL) AS TABLE
WITH ranked AS (SELECT hit.* FROM search_code_texts(the_text, as_kind, max_rows) AS hit),
named AS (
    SELECT
        'modifier' AS kind,
        ranked.subject,
        max_by(known.modifier_name, known.valid_from) AS text,
        max_by(known.source_file, known.valid_from) AS source_file
    FROM ranked
    JOIN modifier AS known ON known.modifier = ranked.subject
    WHERE ranked.kind = 'modifier'
    GROUP BY ranked.subject
    UNION ALL
    SELECT 'payer', ranked.subject, insurer.payer_name, insurer.source_file
    FROM ranked
    JOIN payer AS insurer ON insurer.payer_id = ranked.subject
    WHERE ranked.kind = 'payer'
    UNION ALL
    SELECT 'organization', ranked.subject, body.organization_name || ' (' || body.payer_id || ')', body.source_file
    FROM ranked
    JOIN payer_organization AS body ON body.organization_id = ranked.subject
    WHERE ranked.kind = 'organization'
)
SELECT
    ranked.place,
    ranked.kind,
    ranked.subject AS id,
    ranked.score,
    ranked.words_found,
    ranked.matched,
    coalesce(named.text, ranked.text) AS text,
    CASE WHEN named.text IS NULL THEN ranked.licence ELSE 'CC0-1.0' END AS licence,
    coalesce(named.source_file, ranked.source_file) AS source_file,
    origin.title AS source_title
FROM ranked
LEFT JOIN named ON named.kind = ranked.kind AND named.subject = ranked.subject
LEFT JOIN source_file_title AS origin ON origin.source_file = coalesce(named.source_file, ranked.source_file)
ORDER BY ranked.place;

COMMENT ON MACRO TABLE search IS 'Codes, modifiers, payers and organizations whose words come closest to a text, the best first, misspellings included: search(text, max_rows :=, as_kind := [''code'']). Where the build may carry no text about a code, text is empty and the code is found by its number only.';

CREATE OR REPLACE MACRO search_codes(the_text, max_rows := 20) AS TABLE
SELECT
    hit.place,
    hit.subject AS code,
    hit.score,
    hit.matched,
    hit.text,
    hit.licence,
    hit.source_file,
    origin.title AS source_title
FROM search_code_texts(the_text, ['code'], max_rows) AS hit
LEFT JOIN source_file_title AS origin ON origin.source_file = hit.source_file
ORDER BY hit.place;

COMMENT ON MACRO TABLE search_codes IS 'Codes whose texts come closest: search_codes(text, max_rows :=).';

CREATE OR REPLACE MACRO search_modifiers(the_text, max_rows := 20) AS TABLE
SELECT hit.place, hit.id AS modifier, hit.score, hit.matched, hit.text, hit.source_file
FROM search(the_text, max_rows := max_rows, as_kind := ['modifier']) AS hit
ORDER BY hit.place;

COMMENT ON MACRO TABLE search_modifiers IS 'Modifiers whose names come closest: search_modifiers(text, max_rows :=).';

CREATE OR REPLACE MACRO search_payers(the_text, max_rows := 20) AS TABLE
SELECT hit.place, hit.kind, hit.id, hit.score, hit.matched, hit.text, hit.source_file
FROM search(the_text, max_rows := max_rows, as_kind := ['payer', 'organization']) AS hit
ORDER BY hit.place;

COMMENT ON MACRO TABLE search_payers IS 'Payers and organizations whose names and spellings come closest: search_payers(text, max_rows :=). It finds, it does not decide whom a name means: payref payers resolve does.';
