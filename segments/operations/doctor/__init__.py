"""`manage.py doctor`: what is wrong with this installation, how to fix it, and what it can repair.

A check looks and reports what it found as `Problem`s. If it can fix them without a decision of the
operator, it does so in `repair`.
"""

from segments.operations.doctor.checkup import CHECKS, Finding, examine, repair

__all__ = ["CHECKS", "Finding", "examine", "repair"]
