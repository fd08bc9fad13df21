"""Usage, prices and budgets: tokens to dollars."""
