"""The seven fields of a patient's record that can be read from a message, each with its validation."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

_IN_NAMES: Final = frozenset(" '\u2019.-/")
_NRIC: Final = re.compile(r"[STFGM]\d{7}[A-Z]", re.ASCII)
_CONTACT_NO: Final = re.compile(r"(?:\+65)?([3689]\d{7})", re.ASCII)
_FOREIGN_CONTACT_NO: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_PATIENT_ID: Final = re.compile(r"0*([1-9]\d{0,8})", re.ASCII)
_MOST_NAME_CHARACTERS: Final = 50
_MOST_DETAILS_CHARACTERS: Final = 500
_EARLIEST_BIRTH: Final = date(1900, 1, 1)


class PatientField(NamedTuple):
    """A field: its description for the model, and a function that returns a value's normal form, or None if invalid."""

    description: str
    read: Callable[[str], str | None]


def _name(value: str) -> str | None:
    lettered = all(unicodedata.category(c)[0] in "LM" or c in _IN_NAMES for c in value)
    return value if lettered and value[:1].isalpha() and len(value) <= _MOST_NAME_CHARACTERS else None


def _nric(value: str) -> str | None:
    nric = value.replace(" ", "").upper()
    return nric if _NRIC.fullmatch(nric) else None


def _contact_no(value: str) -> str | None:
    digits = re.sub(r"[ \-().]", "", value)
    if local := _CONTACT_NO.fullmatch(digits):
        return local[1]
    return digits if _FOREIGN_CONTACT_NO.fullmatch(digits) else None


def _date_of_birth(value: str) -> str | None:
    try:
        born = date.fromisoformat(value)
    except ValueError:
        return None
    # Somewhere it is already tomorrow's UTC date.
    return born.isoformat() if _EARLIEST_BIRTH <= born <= datetime.now(UTC).date() else None


def _patient_id(value: str) -> str | None:
    number = _PATIENT_ID.fullmatch(value.removeprefix("#").strip())
    return number[1] if number else None


def _details(value: str) -> str | None:
    return value[:_MOST_DETAILS_CHARACTERS] or None


PATIENT_FIELDS: Final[dict[str, PatientField]] = {
    "first_name": PatientField("Given name as written.", _name),
    "last_name": PatientField("Family name or patronym as written.", _name),
    "nric": PatientField("Singapore identity number: S, T, F, G or M, seven digits, a letter.", _nric),
    "contact_no": PatientField("Telephone number, with country code if it is not from Singapore.", _contact_no),
    "date_of_birth": PatientField("Date of birth as YYYY-MM-DD.", _date_of_birth),
    "patient_id": PatientField("Number of the patient's record, digits only.", _patient_id),
    "details": PatientField("What else is said about the patient, without the other fields.", _details),
}
