"""`vibrator serve`: the API and the console over a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from vibrator.cli._output import Format, note, show

PANEL = "Operate"
app = typer.Typer(
    help="Serve the API and the console: `vibrator serve --store sqlite:///app.db`.",
    invoke_without_command=True,
)
KEYS = typer.Option(
    Path("vibrator-keys.json"), "--keys-file", envvar="VIBRATOR_KEYS_FILE", help="Where keys are."
)


@app.callback()
def run(
    context: typer.Context,
    store: str = typer.Option(None, help="Where it is kept, such as sqlite:///app.db."),
    encoder: str = typer.Option(None, help="Which model reads."),
    slider: list[str] = typer.Option([], help="name=text, for tenants without sliders of theirs."),
    host: str = typer.Option(
        None, help="Address to listen on; loopback unless keys are asked for."
    ),
    port: int = typer.Option(None, help="Port to listen on."),
    keys_file: Path = typer.Option(None, help="Ask for keys of this file."),
    require_consent: bool = typer.Option(None, help="Show nothing without a yes on record."),
    ltv_models: Path = typer.Option(None, help="Folder of lifetime value models."),
    demo: bool = typer.Option(False, "--demo", help="In memory, with three invented people."),
) -> None:
    """Serve the API and the console; every option is also a VIBRATOR_… variable.

    Example: vibrator serve --store sqlite:///app.db --slider "depth=detailed documentation"
    """
    if context.invoked_subcommand is not None:
        return
    from vibrator.cli._store import pairs
    from vibrator.optional import need

    for module in ("fastapi", "msgspec", "prometheus_client", "pydantic_settings", "uvicorn"):
        need(module, extra="service")
    from vibrator.service.server import serve
    from vibrator.service.settings import Settings

    given: dict[str, Any] = {
        "store": store, "encoder": encoder, "host": host, "port": port, "keys_file": keys_file,
        "require_consent": require_consent, "ltv_models": ltv_models,
        "sliders": pairs(slider, "slider") or None,
    }  # fmt: skip
    settings = Settings.told(**{n: value for n, value in given.items() if value is not None})
    if demo:
        from vibrator.service.demo import demo_settings

        settings = demo_settings(settings)
    note(f"http://{settings.host}:{settings.port}/console  store {settings.store_shown}, "
         f"encoder {settings.encoder}")  # fmt: skip
    serve(settings, furnished=demo)


@app.command()
def key(
    name: str = typer.Argument(..., help="What uses it, such as phone-app."),
    tenant: str = typer.Option("default", help="Whose data it opens."),
    scope: list[str] = typer.Option(["read", "write"], help="read, write, admin."),
    per_second: float = typer.Option(200.0, help="How often it may ask."),
    revoke: bool = typer.Option(False, "--revoke", help="Forget the tenant's keys of this name."),
    keys_file: Path = KEYS,
) -> None:
    """Make an API key, shown once: `vibrator serve key phone-app --tenant acme --scope read`."""
    from vibrator.service.keys import Caller, Keyring

    ring = Keyring.load(keys_file)
    if revoke:
        note(f"{ring.revoke(name, tenant)} keys of {name} forgotten; restart the service")
    else:
        typer.echo(ring.issue(Caller(name, tenant, frozenset(scope), per_second)))
        note(f"kept as a digest in {keys_file}: this is the only time the key is shown")
    ring.save(keys_file)


@app.command()
def keys(
    keys_file: Path = KEYS, how: Format = typer.Option(Format.table, "--format", help="As what.")
) -> None:
    """List the keys, without their secrets: `vibrator serve keys`."""
    from vibrator.service.keys import Keyring

    show(Keyring.load(keys_file).rows(), how)
