"""What may be said of findings, and what must not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vibrator.experiments.design import Experiment, Metric
from vibrator.experiments.verdict import Finding, Verdict
from vibrator.stats.intervals import Interval
from vibrator.stats.schedule import Schedule

SMALL_ARM = 30  # units below which a test of means leans on the shape of the values


def says(metric: Metric, finding: Finding, *, alpha: float) -> str:
    """One word for one finding, from its adjusted p-value, its interval and its margin."""
    gain = _gain(metric, finding.interval)
    if metric.role == "guardrail":
        return _guarded(gain, metric.margin)
    if finding.adjusted <= alpha:
        return "better" if (finding.difference > 0) == metric.increase else "worse"
    if metric.margin > 0 and -metric.margin < gain.low and gain.high < metric.margin:
        return "equivalent"
    return "unclear"


def decide(
    experiment: Experiment, findings: Sequence[Finding], schedule: Schedule
) -> tuple[str, str | None]:
    """The state of the experiment, and its winner if there is one."""
    challengers = experiment.labels[1:]
    goals = [finding for finding in findings if finding.role == "goal"]
    ahead = [arm for arm in challengers if _ahead(arm, goals)]
    safe = [arm for arm in ahead if _safe(experiment, arm, findings)]
    if safe:
        return "winner", max(safe, key=lambda arm: _strength(arm, goals))
    if {f.variant for f in findings if f.says == "harmful"} == set(challengers):
        return "harmful", None
    if ahead and schedule.final:
        return "blocked", None
    agreed = _agreed(experiment, goals)
    if agreed == "worse":
        return "control", experiment.control.label
    if not goals or agreed == "equivalent":
        return agreed or "unread", None
    return ("no difference" if schedule.final else "undecided"), None


def warnings(experiment: Experiment, verdict: Verdict, *, alpha: float) -> Iterator[str]:
    """What somebody in a hurry would conclude, and must not."""
    yield from _about_looks(experiment, verdict)
    yield from _about_findings(verdict, alpha)
    if verdict.winner and len(experiment.labels) > 2:
        yield f"Nothing was shown between {verdict.winner} and the other challengers."
    if min(verdict.units.values()) < SMALL_ARM:
        yield f"With fewer than {SMALL_ARM} units an arm, outliers alone can make such a result."
    if verdict.split.severity == "warning":
        yield f"Do not act before the split is explained: {verdict.units} are doubtful."


def _about_looks(experiment: Experiment, verdict: Verdict) -> Iterator[str]:
    if experiment.planned is None and verdict.findings:
        yield (
            "The p-values hold for one look that was fixed beforehand; whoever looked before "
            "reads the always-valid interval."
        )
    elif verdict.state == "undecided":
        yield (
            f"Do not stop at {verdict.look:.0%} of the plan because a p-value is small or large; "
            "what happened so far decides nothing."
        )


def _about_findings(verdict: Verdict, alpha: float) -> Iterator[str]:
    for finding in verdict.findings:
        name = f"{finding.metric} of {finding.variant}"
        if finding.says == "unclear" and verdict.final:
            yield (
                f"No difference in {name} was shown, which does not show that there is none: "
                f"effects below {finding.detectable:.3g} are missed more often than planned."
            )
        elif finding.says == "harmful":
            yield (
                f"Do not go on with {finding.variant}: it harms {finding.metric} beyond the "
                "margin, whatever the goal says."
            )
        elif finding.says == "not shown harmless":
            yield f"Do not call {name} unharmed: its interval reaches beyond the margin."
        elif finding.says == "better" and finding.role == "goal":
            yield from _about_the_size(name, finding)
        elif finding.role == "secondary" and finding.adjusted <= alpha:
            yield f"{name} was no goal: what it shows is a question for the next experiment."


def _about_the_size(name: str, finding: Finding) -> Iterator[str]:
    """Silent where shrinkage changes nothing that anybody would see."""
    found, expected = f"{finding.difference:.3g}", f"{finding.expected:.3g}"
    if found != expected:
        yield (
            f"Do not promise {found} for {name}: picked winners look too large, expect {expected}."
        )


def _agreed(experiment: Experiment, goals: Sequence[Finding]) -> str | None:
    """What every goal says of every challenger, if all were read and all say the same."""
    words = {finding.says for finding in goals}
    wanted = sum(metric.role == "goal" for metric in experiment.metrics)
    whole = len(goals) == wanted * (len(experiment.labels) - 1)
    return words.pop() if whole and len(words) == 1 else None


def _ahead(arm: str, goals: Sequence[Finding]) -> bool:
    words = {finding.says for finding in goals if finding.variant == arm}
    return "better" in words and "worse" not in words


def _safe(experiment: Experiment, arm: str, findings: Sequence[Finding]) -> bool:
    """Every guardrail has to speak, and to speak for the arm."""
    guards = {metric.name for metric in experiment.metrics if metric.role == "guardrail"}
    said = {f.metric: f.says for f in findings if f.role == "guardrail" and f.variant == arm}
    return all(said.get(name) == "harmless" for name in guards)


def _strength(arm: str, goals: Sequence[Finding]) -> float:
    """The smallest adjusted p-value first, the likeliest arm among equals."""
    mine = [finding for finding in goals if finding.variant == arm]
    return max(finding.better for finding in mine) - min(finding.adjusted for finding in mine)


def _guarded(gain: Interval, margin: float) -> str:
    if gain.low > -margin:
        return "harmless"
    return "harmful" if gain.high < -margin else "not shown harmless"


def _gain(metric: Metric, interval: Interval) -> Interval:
    """The interval with more always being better."""
    return interval if metric.increase else Interval(-interval.high, -interval.low)
