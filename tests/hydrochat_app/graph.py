"""A turn as a LangGraph graph: classify, extract fields if needed, act on the records, answer."""

from typing import Any, TypedDict

from asgiref.sync import sync_to_async
from django.db import IntegrityError
from langgraph.graph import END, START, StateGraph

from hydrochat_app.models import Patient
from hydrochat_app.rules import fields_for, intent_of
from hydrochat_otel.agent_stats import agent_stats
from hydrochat_otel.enums import Intent
from hydrochat_otel.gemini_client_v2 import classify_intent_fallback_v2, extract_fields_fallback_v2
from hydrochat_otel.instrumentation.langgraph import instrument_graph
from hydrochat_otel.instrumentation.tracker import track_response_time

_SCANS_AT_ONCE = 2


class AbortedError(Exception):
    """The request cannot be fulfilled; the message is for the nurse."""


class Turn(TypedDict, total=False):
    """The state of a turn."""

    message: str
    is_staff: bool
    conversation: Any
    intent: Intent
    fields: dict
    reply: str
    data: dict


async def classify(turn):
    """Find the intent, by rule or by model."""
    conversation, intent = turn["conversation"], intent_of(turn["message"])
    if intent is None:
        conversation.metrics["total_api_calls"] += 1
        intent = await classify_intent_fallback_v2(turn["message"], context=conversation.last_intent)
    conversation.last_intent = intent.value
    return {"intent": intent}


async def extract(turn):
    """Read the fields that the intent needs."""
    turn["conversation"].metrics["total_api_calls"] += 1
    return {"fields": await extract_fields_fallback_v2(turn["message"], fields_for(turn["intent"]))}


async def act(turn):
    """Fulfil the request."""
    metrics = turn["conversation"].metrics
    try:
        reply, data = await sync_to_async(_act)(turn)
    except AbortedError as aborted:
        metrics["aborted_ops"] += 1
        return {"reply": str(aborted), "data": {}}
    metrics["successful_ops"] += 1
    return {"reply": reply, "data": data}


async def ask_again(turn):
    """Reply that nothing was understood."""
    turn["conversation"].metrics["retries"] += 1
    return {"reply": "I did not understand that. What would you like to do?", "data": {}}


def _after_classify(turn):
    if turn["intent"] is Intent.UNKNOWN:
        return "ask_again"
    return "extract" if fields_for(turn["intent"]) else "act"


def _build():
    builder = StateGraph(Turn)
    for node in (classify, extract, act, ask_again):
        builder.add_node(node)
    builder.add_edge(START, "classify")
    builder.add_conditional_edges("classify", _after_classify, ["extract", "act", "ask_again"])
    builder.add_edge("extract", "act")
    builder.add_edge("act", END)
    builder.add_edge("ask_again", END)
    return instrument_graph(builder.compile())


graph = _build()


@track_response_time("act_on_records")
def _act(turn):
    return _ACTIONS[turn["intent"]](turn["conversation"], turn.get("fields") or {}, turn)


def _find(conversation, fields):
    wanted = {key: fields[key] for key in ("nric",) if key in fields} or {"pk": fields.get("patient_id")}
    if wanted == {"pk": None}:
        wanted = {"pk": conversation.patient_id}
    patient = Patient.objects.filter(**wanted).first()
    if patient is None:
        raise AbortedError("There is no such patient.")
    conversation.patient_id, conversation.scans_shown = patient.pk, 0
    return patient


def _create(conversation, fields, _):
    if missing := [name for name in ("first_name", "last_name", "nric") if name not in fields]:
        raise AbortedError(f"Please tell me: {', '.join(missing)}.")
    try:
        patient = Patient.objects.create(**fields)
    except IntegrityError:
        raise AbortedError("This patient is registered already.") from None
    for depth_mm in (3.5, 2.75, 2.0):
        patient.scans.create(depth_mm=depth_mm)
    conversation.patient_id = patient.pk
    return f"{patient} is registered.", {"patient_id": patient.pk}


def _update(conversation, fields, _):
    patient = _find(conversation, fields)
    for name in ("contact_no", "details"):
        setattr(patient, name, fields.get(name, getattr(patient, name)))
    patient.save()
    return f"The record of {patient} is changed.", {"patient_id": patient.pk}


def _delete(conversation, fields, _):
    patient = _find(conversation, fields)
    patient.delete()
    conversation.patient_id = None
    return "The record is removed.", {}


def _details(conversation, fields, _):
    patient = _find(conversation, fields)
    return f"{patient}: {patient.details or 'nothing noted'}.", {"patient_id": patient.pk}


def _scans(conversation, fields, _):
    _find(conversation, fields)
    return _more_scans(conversation, fields, _)


def _more_scans(conversation, *_):
    first = conversation.scans_shown
    rows = Patient.objects.filter(pk=conversation.patient_id).values_list("scans__id", flat=True)
    shown = [scan for scan in rows if scan is not None][first : first + _SCANS_AT_ONCE]
    if not shown:
        raise AbortedError("There are no further scans.")
    conversation.scans_shown += len(shown)
    return f"{len(shown)} scans.", {"scans": shown}


def _depth_maps(conversation, *_):
    patient = _find(conversation, {})
    return "The depth maps.", {"depths_mm": list(patient.scans.values_list("depth_mm", flat=True))}


def _list(*_):
    return f"{Patient.objects.count()} patients.", {"patients": list(Patient.objects.values_list("pk", flat=True))}


def _stats(conversation, _, turn):
    if not turn["is_staff"]:
        raise AbortedError("These numbers are for developers.")
    return "The statistics.", agent_stats.generate_stats_summary(conversation)


def _cancel(conversation, *_):
    conversation.patient_id, conversation.scans_shown = None, 0
    return "All right, stopped.", {}


_ACTIONS = {
    Intent.CREATE_PATIENT: _create,
    Intent.UPDATE_PATIENT: _update,
    Intent.DELETE_PATIENT: _delete,
    Intent.LIST_PATIENTS: _list,
    Intent.GET_PATIENT_DETAILS: _details,
    Intent.GET_SCAN_RESULTS: _scans,
    Intent.SHOW_MORE_SCANS: _more_scans,
    Intent.PROVIDE_DEPTH_MAPS: _depth_maps,
    Intent.PROVIDE_AGENT_STATS: _stats,
    Intent.CANCEL: _cancel,
}
