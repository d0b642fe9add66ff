import os
import signal

from dgf.workflows.training.signals import noting_sigterm


def test_a_sweep_hears_of_the_signal_that_came_during_one_of_its_runs() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with noting_sigterm() as sweep:
        with noting_sigterm() as run:
            assert not run() and not sweep()
            os.kill(os.getpid(), signal.SIGTERM)
            assert run()
        assert sweep()
    assert signal.getsignal(signal.SIGTERM) is before
    with noting_sigterm() as another:
        assert not another()
