"""Price files that are not whole and right: each is refused with the byte where it goes wrong, and nothing of it is returned."""

import json
from functools import partial

import pytest

from tests.transforms.tic_builders import pieces
from transforms import tic_plain
from transforms.tic import PriceFileError, Read, compiled_reader, observe
from transforms.tic_errors import FETCH_AGAIN, TELL_PUBLISHER

PRICE = '{"negotiated_type":"negotiated","negotiated_rate":12.5,"expiration_date":"9999-12-31","billing_class":"professional"}'
COMPILED = compiled_reader()
READERS = {
    "plain": tic_plain.read,
    "plain, small window": partial(tic_plain.read, size=64),
    **({"compiled": COMPILED, "compiled, every byte": partial(COMPILED, least=1)} if COMPILED else {}),
}


@pytest.fixture(params=list(READERS))
def read(request: pytest.FixtureRequest) -> Read:
    return READERS[request.param]


def item(prices: str = PRICE, *, code: str = '"billing_code":"99213",') -> str:
    return f'{{"billing_code_type":"CPT",{code}"negotiated_rates":[{{"negotiated_prices":[{prices}]}}]}}'


def document(*items: str, before: str = "", behind: str = "") -> str:
    return f'{{"reporting_entity_name":"Plan",{before}"in_network":[{",".join(items)}]{behind}}}'


def refused(text: str | bytes, read: Read, *, size: int = 50) -> PriceFileError:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(PriceFileError) as caught:
        observe(pieces(content, size), read=read, source_file="tic/a.json")
    assert str(caught.value).startswith(f"tic/a.json byte {caught.value.byte:,}: expected {caught.value.expected}")
    return caught.value


def test_a_good_file_is_read(read: Read) -> None:
    assert observe(pieces(document(item()).encode(), 50), read=read).counts["prices_kept"] == 1


@pytest.mark.parametrize("behind", ["garbage", '{"in_network":[]}', ",", "\0", "]"])
def test_bytes_after_the_end(read: Read, behind: str) -> None:
    text = document(item())
    error = refused(text + "\n " + behind, read)
    assert (error.byte, error.expected, error.found) == (len(text) + 2, "nothing after the end of the document", repr(behind))
    assert error.advice == FETCH_AGAIN


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5, 0.75, 0.99])
def test_a_file_that_ends_too_early(read: Read, share: float) -> None:
    text = document(*[item()] * 5)
    error = refused(text[: int(len(text) * share)], read)
    assert error.found == "the end of the file"
    assert error.byte <= int(len(text) * share)


def test_a_page_instead_of_a_file(read: Read) -> None:
    error = refused("\n<!DOCTYPE html><html><body>Gone</body></html>", read)
    assert (error.byte, error.expected, error.found) == (
        1,
        "an object",
        repr("<!DOCTYPE html><html><body>Gone</body></html>"[:40]),
    )


@pytest.mark.parametrize("wrong", ["[]", "1", '"text"', "null"])
def test_another_document(read: Read, wrong: str) -> None:
    assert (refused(wrong, read).byte, refused(wrong, read).expected) == (0, "an object")


@pytest.mark.parametrize(
    ("good", "wrong", "at"),
    [
        ('"negotiated_rate":12.5,', '"negotiated_rate":12.5 ', 23),
        ('"negotiated_rate":12.5,', '"negotiated_rate":,', 18),
        ('"negotiated_rate":12.5,', '"negotiated_rate":NaN,', 18),
        ('"negotiated_rate":12.5,', '"negotiated_rate":-Infinity,', 18),
        ('"negotiated_rate":12.5,', '"negotiated_rate":012.5,', 18),
        ('"negotiated_rate":12.5,', '"negotiated_rate" 12.5,', 18),
    ],
)
def test_wrong_json_in_the_middle(read: Read, good: str, wrong: str, at: int) -> None:
    before = document(*[item()] * 3)[: -len("]}")] + ","
    text = before + item(PRICE.replace(good, wrong)) + "," + item() + "]}"
    error = refused(text, read)
    place = text.index(wrong) + at
    assert place - 20 <= error.byte <= place + 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (document(item(PRICE[:-1] + ',"negotiated_rate":13}')), '"negotiated_rate":13'),
        (document(item(PRICE[:-1] + ',"billing_class":"both"}')), '"billing_class":"both"'),
        (document(item(PRICE[:-1] + ',"billing\\u005fclass":"both"}')), '"billing\\u005fclass":"both"'),
        (document(item(code='"billing_code":"1","billing_code":"2",')), '"billing_code":"2"'),
        (document(item()[:-1] + ',"negotiated_rates":[]}'), '"negotiated_rates":[]'),
        (document(item(), behind=',"in_network":[]'), '"in_network":[]'),
        (document(item(), behind=',"reporting_entity_name":"B"'), '"reporting_entity_name":"B"'),
        (document(item().replace('"negotiated_prices"', '"negotiated_prices":[],"negotiated_prices"')), '"negotiated_prices":[{'),
    ],
)
def test_a_key_that_comes_twice(read: Read, text: str, key: str) -> None:
    error = refused(text, read)
    assert (error.byte, error.expected) == (text.index(key), "every key once")


def test_a_key_that_comes_twice_where_nothing_is_taken_from_is_let_be(read: Read) -> None:
    text = document(item(PRICE[:-1] + ',"other":{"setting":1,"setting":2}}')).encode()
    assert observe(pieces(text, 50), read=read).counts["prices_kept"] == 1


@pytest.mark.parametrize(
    ("good", "wrong"),
    [
        ('"negotiated_rate":12.5', '"negotiated_rate":true'),
        ('"negotiated_rate":12.5', '"negotiated_rate":[1]'),
        ('"negotiated_rate":12.5', '"negotiated_rate":"n/a"'),
        ('"negotiated_rate":12.5', '"negotiated_rate":"NaN"'),
        ('"negotiated_rate":12.5', '"negotiated_rate":"1,250.00"'),
        ('"expiration_date":"9999-12-31"', '"expiration_date":99991231'),
        ('"billing_class":"professional"', '"billing_class":["professional"]'),
        ('"billing_class":"professional"', '"billing_code_modifier":[26]'),
        ('"billing_class":"professional"', '"billing_code_modifier":{"a":"26"}'),
        ('"billing_code":"99213"', '"billing_code":99213'),
        ('"billing_code":"99213"', '"billing_code":["99213"]'),
        ('"billing_code_type":"CPT"', '"billing_code_type":{}'),
        ('"negotiated_prices":[', '"negotiated_prices":null,"other":['),
        ('"negotiated_rates":[', '"negotiated_rates":"none","other":['),
        ('"in_network":[', '"in_network":{},"other":['),
        ('"reporting_entity_name":"Plan"', '"reporting_entity_name":["Plan"]'),
        ('"negotiated_prices":[{', '"negotiated_prices":[[],{'),
        ('"in_network":[{', '"in_network":["item",{'),
    ],
)
def test_values_of_a_wrong_type(read: Read, good: str, wrong: str) -> None:
    text = document(item()).replace(good, wrong)
    assert wrong in text
    error = refused(text, read)
    assert (
        text.index(wrong) - len('{"negotiated_type":"negotiated","negotiated_rate":12.5,"expiration_date":"9999-12-31",')
        <= error.byte
    )
    assert error.byte <= text.index(wrong) + len(wrong)
    assert error.advice in (TELL_PUBLISHER, FETCH_AGAIN)


@pytest.mark.parametrize("code", ["", '"billing_code":null,', '"billing_code":"",', '"billing_code":"  ",'])
def test_an_item_without_a_code(read: Read, code: str) -> None:
    first = item()
    error = refused(document(first, item(code=code)), read)
    start = document(first, item(code=code)).index(first) + len(first) + 1
    assert (error.byte, error.expected, error.found) == (start, "an item with a billing_code", "none")


def test_a_bomb_of_brackets(read: Read) -> None:
    for opening in ("[", '{"a":'):
        error = refused(document(item(), before=f'"other":{opening * 100_000}'), read, size=5_000)
        assert error.byte < 800_000


def test_text_that_is_not_utf8(read: Read) -> None:
    text = document(item(), behind=',"other":"caf\xe9 "').encode("cp1252")
    assert refused(text, read).byte == text.index(b"\xe9")


def test_control_characters_and_escapes_that_are_none(read: Read) -> None:
    for wrong in ('"a\tb"', '"\\x"', '"\\u12g4"', '"\\ud800"', "'a'", "True", "+1", "1.", ".5", "01", "1e", "-"):
        text = document(item(), behind=f',"other":[{wrong}]')
        place = text.index('"other":[') + len('"other":[')
        assert place - 2 <= refused(text, read).byte <= place + len(wrong) + 2, wrong


def test_commas_too_many(read: Read) -> None:
    for text in (
        document(item(), ""),
        document(item(PRICE + ",")),
        document(item(PRICE[:-1] + ",}")),
        document("", item()),
        document(item() + item()),
    ):
        error = refused(text, read)
        assert 0 < error.byte < len(text)


def test_strings_that_end_in_an_escaped_backslash_and_a_quote(read: Read) -> None:
    ends = json.dumps('C:\\ "quoted\\"') + "," + json.dumps("\\") + "," + json.dumps('\\"')
    priced = PRICE[:-1] + f',"additional_information":{json.dumps(chr(92))},"note":[{ends}]}}'
    text = document(*[item(f"{priced},{PRICE}")] * 40, before=f'"other":[{ends}],').encode()
    assert observe(pieces(text, 333), read=read).counts["prices_kept"] == 80


def test_a_byte_order_mark_counts_as_bytes(read: Read) -> None:
    marked = b"\xef\xbb\xbf" + document(item()).encode()
    assert observe(pieces(marked, 1), read=read).counts["prices_kept"] == 1
    assert refused(marked + b"x", read).byte == len(marked)
    assert refused(b"\xef\xbb\xbf", read).byte == 3
    assert refused(document(item()).encode() + b"\xef\xbb\xbf", read).expected == "nothing after the end of the document"


def test_a_file_without_anything(read: Read) -> None:
    assert refused(b"", read).found == "the end of the file"
    assert refused(b" \n", read).found == "the end of the file"


def test_json_that_is_no_price_file(read: Read) -> None:
    error = refused('{"$schema":"a","properties":{"in_network":{}}}', read)
    assert error.expected.startswith("a Transparency in Coverage file with one of the keys in_network,")


def test_a_value_that_is_too_long_to_hold(read: Read) -> None:
    text = document(item(PRICE[:-1] + ',"note":"' + "x" * 40_000_000 + '"}')).encode()
    assert refused(text, read, size=1_000_000).byte < 1_000
