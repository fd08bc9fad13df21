"""Google's billing files, made from an emulator's ledger: what a user would download for the same calls."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

from hydrochat_otel.testing.consumption import rate_for

WORDS = {
    "gemini-2.5-flash": "Gemini 2.5 Flash GA",
    "gemini-2.5-flash-lite": "Gemini 2.5 Flash Lite",
    "gemini-2.5-pro": "Gemini 2.5 Pro",
    "gemini-2.0-flash": "Gemini 2.0 Flash",
    "gemini-2.0-flash-001": "Gemini 2.0 Flash",
    "gemini-embedding-001": "Gemini Embedding 001",
}
COST_TABLE_HEAD = [
    "Invoice number,5123456789",
    "Invoice date,2025-10-31",
    "Due date,2025-11-30",
    "Billing account name,Wards",
    "Billing account ID,01AB23-45CD67-89EF01",
    "Currency,USD",
    "Total amount due,$0.00",
    "",
]
COST_TABLE = (
    "Billing account name,Billing account ID,Project name,Project ID,Service description,Service ID,"
    "SKU description,SKU ID,Credit type,Cost type,Usage start date,Usage end date,Usage amount,Usage unit,"
    "Unrounded Cost ($),Cost ($)"
)
REPORTS = (
    "Usage start date,SKU description,SKU ID,Usage,Usage unit,Cost ($),Discounts ($),"
    "Promotions and others ($),Subtotal ($),Percent change in subtotal compared to previous period"
)
BIGQUERY = (
    "billing_account_id,service.description,sku.id,sku.description,usage_start_time,usage_end_time,"
    "project.id,cost,currency,currency_conversion_rate,usage.amount,usage.unit,"
    "usage.amount_in_pricing_units,usage.pricing_unit,credits,cost_type"
)
FOCUS = (
    "BillingAccountId,BillingCurrency,BilledCost,EffectiveCost,ChargeCategory,ChargePeriodStart,"
    "ChargePeriodEnd,ChargeDescription,ServiceName,ConsumedQuantity,ConsumedUnit"
)


def charges(lines, day):
    """Return the ledger's billed lines as (day, SKU, tokens, dollars), one for each kind of token."""
    found = []
    for line in lines:
        if not line.billed or line.cost_usd is None:
            continue
        tokens, rate = line.tokens, rate_for(line.model_answered)
        if rate.above_200k is not None and tokens.input > 200_000:
            rate = rate.above_200k
        words = WORDS[line.model_answered]
        parts = (
            (f"{words} Text Input - Predictions", tokens.input_fresh + tokens.input_tool, rate.input_usd),
            (f"{words} Input Text Caching", tokens.input_cached, rate.cached_usd),
            (f"{words} Text Output - Predictions", tokens.output, rate.output_usd),
        )
        found += [(day, sku, count, count * usd / 1_000_000) for sku, count, usd in parts if count]
    return found


def written(rows):
    """Rows as CSV text."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def cost_table(found, *, credit=Decimal(0), tax=Decimal(0)):
    """The console's Cost table: eight lines before the header, a rounding error and a total after the lines."""
    head = COST_TABLE.split(",")
    rows = [head]
    exact = sum((usd for *_, usd in found), Decimal(0)) + credit + tax
    for day, sku, count, usd in found:
        account = ["Wards", "01AB23", "Chat", "chat-1", "Gemini API", "AEFD-7695-64FA", sku, "0000"]
        rows.append([*account, "", "Usage", day, day, f"{count:,}", "count", usd, round(usd, 2)])
    if credit:
        rows.append([*account, "Promotion", "Usage", day, day, f"{count:,}", "count", credit, round(credit, 2)])
    if tax:
        rows.append(["Wards", "01AB23", *[""] * 7, "Tax", day, day, "", "", tax, round(tax, 2)])
    rows.append([*[""] * 9, "Rounding error", "", "", "", "", round(exact, 2) - exact, ""])
    rows.append([*[""] * 9, "Total", "", "", "", "", "", round(exact, 2)])
    return "\n".join(COST_TABLE_HEAD) + "\n" + written(rows)


def reports(found, *, discount=Decimal(0), tax=Decimal(0)):
    """The console's Reports, by day and SKU, with Subtotal, Tax and Filtered total below."""
    head = REPORTS.split(",")
    rows = [head]
    for number, (day, sku, count, usd) in enumerate(found):
        off = discount if number == 0 else Decimal(0)
        rows.append([day, sku, "0000", f"{count:,}", "count", usd, off, 0, usd + off, "New"])
    subtotal = sum((usd for *_, usd in found), Decimal(0)) + discount
    rows.append(["Subtotal", "", "", "", "", "", "", "", subtotal, ""])
    rows.append(["Tax", "", "", "", "", tax, "", "", tax, ""])
    rows.append(["Filtered total", "", "", "", "", "", "", "", subtotal + tax, ""])
    return written(rows)


def bigquery(found, *, dots=True, currency="USD", per_usd=Decimal(1), credit=Decimal(0)):
    """Return BigQuery's standard export (or, without dots, the detailed one as tools flatten it), one hour a line."""
    names = BIGQUERY.split(",")
    rows = [names if dots else [name.replace(".", "_") for name in names]]
    for number, (day, sku, count, usd) in enumerate(found):
        taken_off = f'[{{"name":"Free","amount":{credit * per_usd}}}]' if credit and number == 0 else "[]"
        hour = [f"{day} 05:00:00 UTC", f"{day} 06:00:00 UTC"]
        money = [usd * per_usd, currency, per_usd]
        amounts = [count, "count", count, "count"]
        rows.append(["01AB23", "Gemini API", "0000", sku, *hour, "chat-1", *money, *amounts, taken_off, "regular"])
    return written(rows)


def focus(found, *, credit=Decimal(0)):
    """FOCUS 1.x: a charge category for each line, millions of tokens as the unit."""
    head = FOCUS.split(",")
    rows = [head]
    for day, sku, count, usd in found:
        what = [f"{day}T00:00:00Z", f"{day + timedelta(days=1)}T00:00:00Z", sku, "Gemini API"]
        rows.append(["01AB23", "USD", usd, usd, "Usage", *what, Decimal(count) / 1_000_000, "1M tokens"])
    if credit:
        rows.append(["01AB23", "USD", credit, credit, "Credit", *what, Decimal(count) / 1_000_000, "1M tokens"])
    return written(rows)
