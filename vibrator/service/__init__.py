"""The Personalizer over HTTP, and a console to look at it with."""
