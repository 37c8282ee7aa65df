"""Chat: turns of a conversation, from wherever they are kept, as actions."""

from vibrator.chat.exports import from_discord, from_openai, from_slack
from vibrator.chat.messages import CHAT, ChatMessage
from vibrator.chat.sampling import TokenBudget, merge_alike, sample_recent_chat_actions

__all__ = [
    "CHAT",
    "ChatMessage",
    "TokenBudget",
    "from_discord",
    "from_openai",
    "from_slack",
    "merge_alike",
    "sample_recent_chat_actions",
]
