"""Rehearsal on simulated people."""

from vibrator.simulate.fidelity import Behaviour, Likeness, behaviour_of, fidelity
from vibrator.simulate.judges import (
    CommandJudge,
    Judge,
    ReplayJudge,
    RuleJudge,
    Verdict,
    judge,
)
from vibrator.simulate.llm import Budget, LLMJudge, open_model
from vibrator.simulate.personas import (
    Persona,
    persona,
    read_personas,
    register_persona,
    standard_world,
)
from vibrator.simulate.report import fragment, report_data, report_page, reward_chart
from vibrator.simulate.results import differences, persona_rows, policy_rows
from vibrator.simulate.runner import Plan, Run, rehearse, stream
from vibrator.simulate.tables import Rehearsals
from vibrator.simulate.tips import Tip, draw_tips
from vibrator.simulate.world import World

__all__ = [
    "Behaviour",
    "Budget",
    "CommandJudge",
    "Judge",
    "LLMJudge",
    "Likeness",
    "Persona",
    "Plan",
    "Rehearsals",
    "ReplayJudge",
    "RuleJudge",
    "Run",
    "Tip",
    "Verdict",
    "World",
    "behaviour_of",
    "differences",
    "draw_tips",
    "fidelity",
    "fragment",
    "judge",
    "open_model",
    "persona",
    "persona_rows",
    "policy_rows",
    "read_personas",
    "register_persona",
    "rehearse",
    "report_data",
    "report_page",
    "reward_chart",
    "standard_world",
    "stream",
]
