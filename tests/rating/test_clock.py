"""Time runs while a report is before its reader."""

from medxpert.rating.clock import Clock


def test_pauses_do_not_count():
    clock = Clock.begun(100).touch(110).pause(120).resume(620).touch(630)

    assert clock.active(640) == 40
    assert clock.paused == 500
    assert clock.longest == 10


def test_a_silence_is_noticed_and_counts():
    clock = Clock.begun(0).touch(5).touch(605)

    assert clock.longest == 600
    assert clock.active(610) == 610


def test_a_pause_goes_on_until_it_is_ended():
    paused = Clock.begun(0).pause(10)

    assert paused.pause(50) == paused
    assert paused.touch(50) == paused
    assert paused.active(100) == 10
    assert paused.resume(60).resume(90) == paused.resume(60)
