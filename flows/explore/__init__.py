"""A local web application over the current release: pages for people, and the same answers as JSON."""
