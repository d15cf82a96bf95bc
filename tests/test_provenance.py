import subprocess

import pytest

from medxpert import provenance


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of one file, and a package installed within it."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "one")

    def call(package):
        monkeypatch.setattr(provenance, "__file__", str(tmp_path / package / "provenance.py"))
        return provenance.environment()["commit"]

    return call


def test_commit_says_whether_files_differ_from_it(checkout, tmp_path):
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert checkout("medxpert") == commit
    (tmp_path / "file").write_text("b")
    assert checkout("medxpert") == f"{commit}-dirty"


def test_somebody_elses_checkout_is_not_ours(checkout):
    assert checkout("site-packages/medxpert") is None
