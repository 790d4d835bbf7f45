"""Claims about settings."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.config import KEYS, TABLES, Settings, explain, load_settings, variable_of
from realtime.errors import ConfigError

_LONG = "0123456789abcdef0123456789abcdef"


def _load(tmp_path: Path, *, toml: str | None = None, **variables: str) -> Settings:
    if toml is not None:
        (tmp_path / "tideboard.toml").write_text(toml, encoding="utf-8")
    return load_settings(cwd=tmp_path, environ={f"TIDEBOARD_{key}": value for key, value in variables.items()})


def test_nothing_said_gives_the_defaults(tmp_path: Path) -> None:
    """Without a file and variables only the data folder is made absolute."""
    assert _load(tmp_path) == replace(Settings(), data_dir=tmp_path / "data")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A key that is in both has the variable's value; one that is only in the file has the file's."""
    settings = _load(tmp_path, toml="feed_size = 100\nretention_events = 20000", FEED_SIZE="200")
    assert (settings.feed_size, settings.retention_events) == (200, 20_000)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("SAMPLE", "off", "off"),
        ("SAMPLE_SPEED", "7.5", 7.5),
        ("REQUIRE_TOKEN", "No", False),
        ("PAINT_HZ", "5", 5.0),
        ("LOG_LEVEL", "debug", "debug"),
        ("GATEWAY_URL", "https://gateway.example/base/", "https://gateway.example/base"),
        ("API_KEY", "12345678", "12345678"),
        ("MAX_DEPTH", " 32 ", 32),
        ("FEED_SIZE", "", 2000),
    ],
)
def test_variables_become_values_of_their_type(tmp_path: Path, key: str, text: str, value: object) -> None:
    """Texts are converted; blanks around are dropped; an empty one counts as unset."""
    assert getattr(_load(tmp_path, **{key: text}), key.lower()) == value


def test_a_folder_may_be_absolute_or_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only relative paths start at the working folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert _load(tmp_path, DATA_DIR="/srv/tide").data_dir == Path("/srv/tide")
    assert _load(tmp_path, DATA_DIR="~/tide").data_dir == tmp_path / "home" / "tide"
    assert _load(tmp_path, toml='data_dir = "here"').data_dir == tmp_path / "here"


def test_a_redis_url_never_shows_its_password(tmp_path: Path) -> None:
    """Not when it is shown, not in a representation, not when it is wrong; and the log hides it."""
    settings = _load(tmp_path, REDIS_URL="redis://ann:hidden-word@redis:6379/1")
    [line] = [line for line in explain(settings) if line.key == "redis_url"]
    assert line.value == "redis://ann:•••@redis:6379/1"
    assert "hidden-word" not in repr(settings)
    assert {"hidden-word", settings.redis_url} <= set(settings.hidden)
    assert "abc" not in _load(tmp_path, REDIS_URL="redis://ann:abc@redis").hidden, "every abc would go from the log"
    for wrong in ("redis://ann:hidden-word@redis:port", "redis//ann:hidden-word@redis"):
        with pytest.raises(ConfigError) as caught:
            _load(tmp_path, REDIS_URL=wrong)
        assert str(caught.value).startswith("TIDEBOARD_REDIS_URL has ")
        assert "hidden-word" not in str(caught.value)


def test_the_files_for_tls_start_at_the_working_folder(tmp_path: Path) -> None:
    """As every relative path does."""
    settings = _load(tmp_path, toml='redis_ca_file = "ca.pem"', REDIS_CERT_FILE="/etc/ours.pem")
    assert settings.redis_ca_file == tmp_path / "ca.pem"
    assert settings.redis_cert_file == Path("/etc/ours.pem")
    assert settings.redis_key_file is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"FEED_SIZ": "1"}, "unknown TIDEBOARD_FEED_SIZ; did you mean TIDEBOARD_FEED_SIZE?"),
        ({"NONSENSE": "1"}, "unknown TIDEBOARD_NONSENSE; `python -m realtime settings` lists all."),
        ({"FEED_SIZE": "many"}, "TIDEBOARD_FEED_SIZE is 'many'; it has to be a whole number from 10 to 100000."),
        ({"FEED_SIZE": "3"}, "TIDEBOARD_FEED_SIZE is 3; it has to be a whole number from 10 to 100000."),
        ({"FEED_SIZE": "11.5"}, "TIDEBOARD_FEED_SIZE is '11.5'"),
        ({"SAMPLE": "on"}, "TIDEBOARD_SAMPLE is 'on'; it has to be auto or off."),
        ({"SAMPLE_SPEED": "0"}, "has to be a number above 0, up to 3600."),
        ({"SAMPLE_SPEED": "nan"}, "TIDEBOARD_SAMPLE_SPEED is nan"),
        ({"PAINT_HZ": "inf"}, "TIDEBOARD_PAINT_HZ is inf"),
        ({"REQUIRE_TOKEN": "maybe"}, "TIDEBOARD_REQUIRE_TOKEN is 'maybe'; it has to be true or false."),
        ({"SECRET": "short"}, "TIDEBOARD_SECRET has to be a text of at least 32 characters."),
        ({"TOKEN_JWKS_URL": "id.example/keys"}, "TIDEBOARD_TOKEN_JWKS_URL is 'id.example/keys'"),
        ({"GATEWAY_URL": "gateway:8601"}, "TIDEBOARD_GATEWAY_URL is 'gateway:8601'; it has to be an address"),
        ({"REDIS_URL": "localhost:6379"}, "TIDEBOARD_REDIS_URL has to begin like redis://host:6379/0"),
        ({"REDIS_PREFIX": "{a}"}, "has to be a text of 1 to 64 letters, digits, dots, underscores, colons or hyphens."),
        ({"REDIS_REPLICAS": "9"}, "TIDEBOARD_REDIS_REPLICAS is 9; it has to be a whole number from 0 to 5."),
        ({"GATEWAY_URL": "http://host:port"}, "it has to be an address"),
        ({"GATEWAY_URL": "http://[::1"}, "it has to be an address"),
        ({"LOG_LEVEL": "loud"}, "has to be debug or info or warning or error."),
        ({"CONFIG": "nowhere.toml"}, "TIDEBOARD_CONFIG names 'nowhere.toml', which doesn't exist."),
    ],
)
def test_a_bad_variable_is_named_in_one_sentence(tmp_path: Path, variables: dict[str, str], words: str) -> None:
    """The sentence says which, and what would do."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, **variables)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("feedsize = 1", "tideboard.toml has the unknown key 'feedsize'; did you mean feed_size?"),
        ("[server]\nport = 1", "unknown key 'server'"),
        ("feed_size = '100'", "'feed_size' in tideboard.toml is '100'; it has to be a whole number"),
        ("feed_size = true", "'feed_size' in tideboard.toml is True"),
        ("require_token = 1", "has to be true or false"),
        ('data_dir = ""', "has to be a path"),
        ("feed_size = ", "tideboard.toml can't be read: "),
        ("rules = 1", "'rules' in tideboard.toml is 1; it has to be tables: begin each one with [[rules]]."),
        ("roles = 1", "'roles' in tideboard.toml is 1; it has to be tables: begin each one with [roles.<name>]."),
    ],
)
def test_a_bad_key_in_the_file_is_named(tmp_path: Path, toml: str, words: str) -> None:
    """The file is held to types: a text is no number there."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, toml=toml)
    assert words in str(caught.value)


def test_a_file_that_isnt_utf8_is_refused(tmp_path: Path) -> None:
    """Bytes that aren't text are one sentence too."""
    (tmp_path / "tideboard.toml").write_bytes(b"# \xff\n")
    with pytest.raises(ConfigError, match="can't be read"):
        _load(tmp_path)


def test_another_file_can_be_named(tmp_path: Path) -> None:
    """TIDEBOARD_CONFIG says where, relative to the working folder."""
    (tmp_path / "other.toml").write_text("feed_size = 77")
    assert _load(tmp_path, CONFIG="other.toml").feed_size == 77


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither the settings' text, nor their explanation, nor an error holds a secret."""
    settings = _load(tmp_path, SECRET=_LONG, API_KEY="key-of-mine", REQUIRE_TOKEN="1")
    shown = repr(settings) + str(explain(settings))
    assert _LONG not in shown
    assert "key-of-mine" not in shown
    for key, value in (("SECRET", "short-one"), ("API_KEY", "short")):
        with pytest.raises(ConfigError, match="at least") as caught:
            _load(tmp_path, **{key: value})
        assert value not in str(caught.value)


def test_rules_are_counted(tmp_path: Path) -> None:
    """What is in them is for the room that they are for."""
    (tmp_path / "tideboard.toml").write_text("[[rules]]\nid = 'a'\n[[rules]]\nid = 'b'\n", encoding="utf-8")
    [line] = [line for line in explain(load_settings(cwd=tmp_path, environ={})) if line.key == "rules"]
    assert (line.value, line.default) == ("2 of them", "unset")


def test_every_key_is_explained_once() -> None:
    """Each field has its variable, default and a line, in order; so has what `settings` prints."""
    lines = explain(Settings())
    assert tuple(line.key for line in lines) == tuple(field.name for field in fields(Settings))
    assert {*KEYS, *TABLES} == {line.key for line in lines}
    assert all(line.explanation and line.variable == variable_of(line.key) for line in lines if line.key in KEYS)
    assert all(line.value == line.default for line in lines)


def test_settings_are_frozen() -> None:
    """Nobody changes a setting while the process runs."""
    with pytest.raises(FrozenInstanceError):
        Settings().feed_size = 1  # type: ignore[misc]


@given(
    st.dictionaries(st.sampled_from([key.upper() for key in KEYS]), st.text(st.characters(exclude_categories=["Cs"])))
)
def test_any_text_is_a_value_or_one_sentence(variables: dict[str, str]) -> None:
    """Whatever stands in the variables, nothing but ConfigError is raised, and what passes is within bounds."""
    environ = {f"TIDEBOARD_{key}": value for key, value in variables.items() if "\0" not in value}
    try:
        settings = load_settings(cwd=Path("/nowhere"), environ=environ)
    except ConfigError as error:
        assert str(error)
    else:
        assert 10 <= settings.feed_size <= 100_000
