"""Batches: whoever waits is answered, whichever way the work goes."""

import asyncio

import pytest

from vibrator.service.lanes import Batches


@pytest.mark.parametrize("quick", [False, True])
def test_a_batch_that_breaks_is_told_to_all_who_wait(quick):
    def breaks(jobs):
        raise RuntimeError(f"{len(jobs)} jobs")

    async def ask():
        batches = Batches("test", breaks, room=8, quick=lambda _job: quick)
        asked = [batches.submit(n) for n in range(3)]
        answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
        batches.close()
        return answers

    assert [type(answer) for answer in asyncio.run(ask())] == [RuntimeError] * 3


def test_quick_jobs_of_one_turn_are_served_together_and_in_order():
    sizes = []

    def double(jobs):
        sizes.append(len(jobs))
        return [2 * job for job in jobs]

    async def ask():
        batches = Batches("test", double, room=100, quick=lambda _job: True)
        answers = await asyncio.gather(*(batches.submit(n) for n in range(40)))
        batches.close()
        return answers

    assert asyncio.run(ask()) == [2 * n for n in range(40)]
    assert sizes == [32, 8]
