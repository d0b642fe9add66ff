"""`report.html`: one file that needs no other, with the figures of an evaluation and the posts behind them."""

from dgf.workflows.scoring.report.page import PostSection, check_page_place, make_page, render_page
from dgf.workflows.scoring.report.shown import ShownPost, show_posts

__all__ = ["PostSection", "ShownPost", "check_page_place", "make_page", "render_page", "show_posts"]
