"""Progress where there is no terminal: a line from time to time, and none of short work."""

import io

from audioset_triplet.progress_bars import progress_bar


class Clock:
    """Seconds, which only `pass_by` changes."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def pass_by(self, items, seconds):
        for item in items:
            self.now += seconds
            yield item


def test_long_work_writes_lines_and_short_work_none(monkeypatch):
    clock, log = Clock(), io.StringIO()
    monkeypatch.setattr("tqdm.std.time", clock)
    assert len(list(progress_bar(clock.pass_by(range(29), 1), "scores", "clips", file=log))) == 29
    assert log.getvalue() == ""
    with progress_bar(name="scores", unit="clips", total=2000, initial=1000, file=log) as bar:
        for _ in clock.pass_by(range(10), 10):
            bar.update(50)
            bar.refresh()
    assert log.getvalue().splitlines() == [
        "scores: 1,150 of 2,000 clips, 00:30 so far, 02:50 left",
        "scores: 1,300 of 2,000 clips, 01:00 so far, 02:20 left",
        "scores: 1,450 of 2,000 clips, 01:30 so far, 01:50 left",
    ]
    log.truncate(log.seek(0))
    assert len(list(progress_bar(clock.pass_by(range(4), 20), file=log))) == 4  # it is not known how many
    assert log.getvalue().splitlines() == ["2, 00:40 so far", "4, 01:20 so far"]
