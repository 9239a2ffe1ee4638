"""Ctrl-C, and other signals, during a run that would take minutes."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="the signal comes from a timer of POSIX"
)

BEGINNING = """
import os, signal, sys, threading, time
import numpy as np
import chainrule as cr

def compiled(f):
    return cr.compile(f, engine="native")

class Alarm(Exception):
    pass

noticed = threading.Event()

def interrupt_soon(seconds=0.5):
    # Again and again, since an exception in a finalizer, say, is lost; but not before a program has
    # had time to leave on a busy machine, or one would come while the one before is handled.
    def send():
        pause = seconds
        while not noticed.wait(pause):
            os.kill(os.getpid(), signal.SIGINT)
            pause = 10.0
    threading.Thread(target=send, daemon=True).start()
"""

# Each a program that runs for minutes on long arguments, and for no time on short ones.
PROGRAMS = {
    "while": """
        f = compiled(lambda x: cr.while_loop(lambda x: np.sum(x) > -1e9, lambda x: np.sin(x), x))
        short, long = np.full(3, -1e9), np.ones(3)
        """,
    "scan": """
        def f(x):
            def step(c, _):
                return np.sin(c) + c, None
            return compiled(lambda x: cr.scan(step, x, None, length=len(x) ** 6)[0])(x)
        short, long = np.ones(3), np.ones(100)
        """,
    "scan of scans": """
        def f(x):
            def inner(c, _):
                return cr.scan(lambda c, _: (np.sin(c) + c, None), c, None, length=10)[0], None
            return compiled(lambda x: cr.scan(inner, x, None, length=len(x) ** 6)[0])(x)
        short, long = np.ones(3), np.ones(100)
        """,
    "sum": """
        f = compiled(lambda x: np.sum(np.tanh(x[:, None] * x)))
        short, long = np.ones(3), np.ones(400_000)
        """,
    "rows": """
        f = compiled(lambda x: np.sum(np.tanh(x[:, None] * x), axis=1))
        short, long = np.ones(3), np.ones(400_000)
        """,
    "product": """
        f = compiled(lambda x: x @ (x.T @ x))
        short, long = np.ones((3, 3)), np.ones((12_000, 12_000), np.float32)
        """,
    "scatter": """
        def f(x):
            where = np.zeros((len(x), len(x)), int)
            return compiled(lambda x: cr.at(np.zeros(3))[where].add(np.sin(x[:, None] * x)))(x)
        short, long = np.ones(3), np.ones(50_000)
        """,
}


def run(body):
    """Run a script in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + textwrap.dedent(body)],
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("count", [1, 4])
def test_a_long_run_can_be_interrupted(name, count):
    body = f"""
cr.set_threads({count})
{textwrap.dedent(PROGRAMS[name])}
before = np.asarray(f(short))
interrupt_soon()
try:
    f(long)
except KeyboardInterrupt:
    noticed.set()
    print("interrupted")
print(np.array_equal(f(short), before))
"""
    assert run(body) == ["interrupted", "True"]


@needs_timer
def test_what_a_handler_raises_is_raised():
    body = """
    def handler(number, frame):
        raise Alarm(number)
    signal.signal(signal.SIGALRM, handler)
    f = compiled(lambda x: cr.while_loop(lambda x: np.sum(x) > -1e9, lambda x: np.sin(x), x))
    f(np.full(3, -1e9))
    for _ in range(3):
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            f(np.ones(3))
        except Alarm as alarm:
            print(int(alarm.args[0] == signal.SIGALRM), alarm.__context__)
    """
    assert run(body) == ["1", "None"] * 3


SECONDS_LONG = """
    # About a second: a scan with chunks in its body, and with carries that live in the arena.
    g = compiled(lambda x: cr.scan(lambda c, _: (np.sin(c) + x, None), x, None, length=1000)[0])
    x = np.linspace(0.0, 1.0, 30_000)
    expected = g(x)
"""


@needs_timer
def test_a_run_goes_on_if_the_handler_says_nothing():
    body = (
        SECONDS_LONG
        + """
    calls = []
    def handler(number, frame):
        # Another program, which needs memory for temporaries like the one that is running.
        calls.append(np.array_equal(h(x), once))
    h = compiled(lambda x: cr.scan(lambda c, _: (np.cos(c) + x, None), x, None, length=3)[0])
    once = h(x)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    result = g(x)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(np.array_equal(result, expected), len(calls) > 0, all(calls))
    """
    )
    assert run(body) == ["True", "True", "True"]


def test_a_run_in_another_thread_goes_on():
    body = (
        SECONDS_LONG
        + """
    results, finished = [], threading.Event()
    def call():
        results.append(g(x))
        finished.set()
    threading.Thread(target=call).start()
    interrupt_soon(0.2)
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        noticed.set()
        print("interrupted")
    finished.wait()
    print(np.array_equal(results[0], expected))
    """
    )
    assert run(body) == ["interrupted", "True"]


def test_a_donated_array_is_not_handed_back_half_overwritten():
    body = """
    f = cr.compile(
        lambda x: cr.while_loop(lambda x: np.sum(x) > -1e9, lambda x: np.sin(x), x),
        engine="native",
        donate_argnums=0,
    )
    x = np.ones(3)
    interrupt_soon()
    try:
        f(x)
    except KeyboardInterrupt:
        noticed.set()
        print("interrupted")
    try:
        x + 1
        print("usable", x.tolist() == [1.0, 1.0, 1.0])
    except Exception as error:
        print("gone")
    """
    assert run(body) in (["interrupted", "gone"], ["interrupted", "usable", "True"])


def test_training_keeps_the_epochs_that_have_ended():
    body = """
    os.environ["CHAINRULE_ENGINE"] = "native"
    from chainrule import nn, optim, random
    from chainrule.training import fit
    X = np.random.default_rng(0).standard_normal((20_000, 64))
    y = np.random.default_rng(1).integers(0, 10, 20_000)
    def callback(record):
        if record.epoch == 2:
            interrupt_soon()
    result = fit(
        nn.mlp(random.key(0), (64, 256, 10)), nn.softmax_cross_entropy, optim.sgd(0.1), X, y,
        epochs=100_000, batch_size=100, key=random.key(1), callbacks=[callback],
    )
    noticed.set()
    epochs = len(result.history.train_loss)
    print(result.stopped, epochs >= 2, np.isfinite(result.history.train_loss).all())
    again = fit(
        nn.mlp(random.key(0), (64, 256, 10)), nn.softmax_cross_entropy, optim.sgd(0.1), X, y,
        epochs=epochs, batch_size=100, key=random.key(1),
    )
    leaves = zip(cr.tree.leaves(result.last.model), cr.tree.leaves(again.last.model))
    print(all(np.array_equal(one, two) for one, two in leaves))
    """
    assert run(body) == ["interrupted", "True", "True", "True"]
