"""What an import is started with; its options are read by `ImportOptions`."""

from rest_framework import serializers

from segments.models.import_job import EmbedWhen, ImportMode, OnError
from segments.services import UnknownColumns


class OptionsSerializer(serializers.Serializer[None]):
    """How the file is read and what it does to the document; all of it may be left out."""

    mode = serializers.ChoiceField(ImportMode.choices, required=False)
    on_error = serializers.ChoiceField(OnError.choices, required=False)
    map = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Which column is which part, such as content=Frage; in JSON an object will do.",
    )
    no_header = serializers.BooleanField(required=False)
    unknown = serializers.ChoiceField([word.value for word in UnknownColumns], required=False)
    embed = serializers.ChoiceField(
        EmbedWhen.choices, required=False, help_text="later: found by words at once."
    )
    encoding = serializers.CharField(required=False, help_text="Found out if left out.")
    delimiter = serializers.CharField(required=False, help_text="Found out if left out.")
    sheet = serializers.CharField(required=False, help_text="Of a workbook; the first one.")
    max_tokens = serializers.IntegerField(
        required=False, help_text="More end the import before anything is embedded."
    )
    max_cost = serializers.DecimalField(20, 6, required=False, help_text="As max_tokens.")


class BatchImportSerializer(OptionsSerializer):
    """An import of a file that was uploaded before."""

    upload_file_id = serializers.UUIDField()


class BatchImportFormSerializer(OptionsSerializer):
    """An import of the file in the form."""

    file = serializers.FileField()
