"""The page to try a post by hand: one file, nothing from elsewhere."""

from dgf.workflows.scoring.report import render_page


def make_try_page(run: str, *, most_bytes: int, no_photos: str | None) -> bytes:
    """Make the page.

    Args:
        run: What the run is called.
        most_bytes: Of a request.
        no_photos: Why photos are not taken; None where they are.
    """
    limits = {"mostBytes": most_bytes}
    return render_page("serve.html", "dgf.workflows.serve", run=run, limits=limits, no_photos=no_photos)
