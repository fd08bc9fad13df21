"""Invented patients. Their names and ids occur in prompts only, so that a search for them shows any leak."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Patient:
    """An invented person. `nric` looks like a Singapore id, but its check letter is wrong, so no person has it."""

    name: str
    nric: str
    wound: str


PATIENTS: Final = (
    Patient("Tan Wei Ling", "S8512340X", "diabetic foot ulcer, left heel"),
    Patient("Muhammad Faizal bin Rahim", "S7023415X", "venous ulcer, right ankle"),
    Patient("Priya Nair", "S9134027X", "burn, left forearm"),
    Patient("Lim Ah Kow", "S4401928X", "pressure injury, sacrum"),
    Patient("Siti Nurhaliza binte Osman", "S6617283X", "surgical wound, abdomen"),
    Patient("Goh Chee Keong", "S5830164X", "arterial ulcer, second toe"),
    Patient("Kavitha Subramaniam", "S7745091X", "pressure injury, right hip"),
    Patient("Ong Mei Hua", "S3920457X", "skin tear, left shin"),
    Patient("Rajesh Pillai", "S8209346X", "diabetic foot ulcer, right sole"),
    Patient("Chua Boon Huat", "S6108275X", "laceration, scalp"),
)
