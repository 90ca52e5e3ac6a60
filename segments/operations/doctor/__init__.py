"""`manage.py doctor`: what is wrong with this installation, what to do, and what can be repaired.

A check looks, and says what it found as `Problem`s; one that can repair it
without a decision of the operator does so in `repair`.
"""

from segments.operations.doctor.checkup import CHECKS, Finding, examine, repair

__all__ = ["CHECKS", "Finding", "examine", "repair"]
