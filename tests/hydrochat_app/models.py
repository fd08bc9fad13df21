"""Patients and the scans of their wounds."""

from django.db import models


class Patient(models.Model):
    """A patient's record."""

    first_name = models.CharField(max_length=50)
    last_name = models.CharField(max_length=50)
    nric = models.CharField(max_length=9, unique=True)
    contact_no = models.CharField(max_length=16, blank=True)
    date_of_birth = models.DateField(null=True)
    details = models.CharField(max_length=500, blank=True)

    def __str__(self):
        return f"{self.first_name} {self.last_name}"


class Scan(models.Model):
    """One scan of a wound; `depth_mm` is the greatest depth in its depth map."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="scans")
    taken_at = models.DateTimeField(auto_now_add=True)
    depth_mm = models.FloatField()

    def __str__(self):
        return f"scan {self.pk}, {self.depth_mm} mm"
