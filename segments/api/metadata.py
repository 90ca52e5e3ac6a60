"""/v1/datasets/ID/metadata: the fields of a dataset, and the values of its documents."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import MetadataField
from segments.api.serializers.documents import ResultSerializer
from segments.api.serializers.fields import Id, Text, Truth
from segments.api.views import ApiView, checked
from segments.exceptions import ActionRefused
from segments.files.types import JSONScalar
from segments.services import metadata as services
from segments.services.metadata import DocumentValues

NAME_CHARS = 255
DONE = {"result": "success"}
SWITCH = OpenApiParameter("action", str, OpenApiParameter.PATH, enum=["enable", "disable"])


class FieldSerializer(serializers.Serializer[MetadataField]):
    """A metadata field."""

    id = serializers.UUIDField(read_only=True)
    type = serializers.CharField(source="kind", read_only=True)
    name = serializers.CharField(read_only=True)


class CountedFieldSerializer(serializers.Serializer[services.FieldUse]):
    """A metadata field, and how many documents have a value of it."""

    id = serializers.UUIDField(source="field.id", read_only=True)
    name = serializers.CharField(source="field.name", read_only=True)
    type = serializers.CharField(source="field.kind", read_only=True)
    count = serializers.IntegerField(source="documents", read_only=True)
    use_count = serializers.IntegerField(source="documents", read_only=True)


class FieldsSerializer(serializers.Serializer[Any]):
    """The metadata fields of a dataset."""

    doc_metadata = CountedFieldSerializer(many=True)
    built_in_field_enabled = serializers.BooleanField()


class NewFieldSerializer(serializers.Serializer[None]):
    """A metadata field that is wanted."""

    type = serializers.ChoiceField(MetadataField.Kind.choices)
    name = Text(max_length=NAME_CHARS)


class FieldNameSerializer(serializers.Serializer[None]):
    """Another name."""

    name = Text(max_length=NAME_CHARS)


class BuiltInFieldSerializer(serializers.Serializer[None]):
    """A field that every document has a value of."""

    name = serializers.CharField()
    type = serializers.CharField()


class BuiltInFieldsSerializer(serializers.Serializer[None]):
    """The built-in fields."""

    fields = BuiltInFieldSerializer(many=True)  # type: ignore[assignment]  # Dify's name for it


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "number"}], "nullable": True})
class ScalarField(serializers.Field[JSONScalar, Any, JSONScalar, Any]):
    """A text, a number or null."""

    def to_internal_value(self, data: Any) -> JSONScalar:
        """The value.

        Raises:
            ValidationError: it is a list, an object or a truth.
        """
        if isinstance(data, bool) or not isinstance(data, str | int | float | None):
            raise serializers.ValidationError("Not a text, a number or null.")
        return data

    def to_representation(self, value: JSONScalar) -> JSONScalar:
        """It."""
        return value


class ValueSerializer(serializers.Serializer[None]):
    """A value of a field; null removes it."""

    id = Id()
    name = Text(required=False, allow_blank=True, help_text="Not needed: the id says which field.")
    value = ScalarField(allow_null=True)


class DocumentValuesSerializer(serializers.Serializer[None]):
    """The values of a document; those that are not named are removed, unless it is partial."""

    document_id = Id()
    metadata_list = ValueSerializer(many=True)
    partial_update = Truth(required=False, default=False)


class DocumentsValuesSerializer(serializers.Serializer[None]):
    """The values of several documents."""

    operation_data = DocumentValuesSerializer(many=True, allow_empty=False)


class FieldsView(ApiView):
    """The metadata fields of a dataset."""

    @extend_schema(operation_id="list_metadata_fields", responses=FieldsSerializer)
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """Its own fields, the oldest first."""
        dataset = self.dataset(dataset_id)
        shown = {
            "doc_metadata": services.list_fields(dataset),
            "built_in_field_enabled": dataset.built_in_field_enabled,
        }
        return Response(FieldsSerializer(shown).data)

    @extend_schema(
        operation_id="create_metadata_field",
        request=NewFieldSerializer,
        responses={status.HTTP_201_CREATED: FieldSerializer},
    )
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """A new field."""
        dataset = self.dataset(dataset_id)
        wanted = checked(NewFieldSerializer, request)
        field = services.create_field(dataset, wanted["name"], MetadataField.Kind(wanted["type"]))
        return Response(FieldSerializer(field).data, status=status.HTTP_201_CREATED)


class FieldView(ApiView):
    """One metadata field."""

    @extend_schema(
        operation_id="rename_metadata_field",
        request=FieldNameSerializer,
        responses=FieldSerializer,
    )
    def patch(self, request: Request, dataset_id: UUID, field_id: UUID) -> Response:
        """Give it another name; documents keep their values."""
        dataset = self.dataset(dataset_id)
        name = checked(FieldNameSerializer, request)["name"]
        return Response(FieldSerializer(services.rename_field(dataset, field_id, name)).data)

    @extend_schema(
        operation_id="delete_metadata_field", responses={status.HTTP_204_NO_CONTENT: None}
    )
    def delete(self, request: Request, dataset_id: UUID, field_id: UUID) -> Response:
        """Remove it with all values of it."""
        services.delete_field(self.dataset(dataset_id), field_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BuiltInFieldsView(ApiView):
    """The fields that every document has a value of."""

    @extend_schema(operation_id="list_built_in_fields", responses=BuiltInFieldsSerializer)
    def get(self, request: Request, dataset_id: UUID | None = None) -> Response:
        """The built-in fields, the same for all datasets."""
        if dataset_id is not None:
            self.dataset(dataset_id)
        fields = [{"name": name, "type": kind.value} for name, kind in services.BUILT_IN.items()]
        return Response({"fields": fields})


class BuiltInSwitchView(ApiView):
    """Switches the built-in fields."""

    @extend_schema(
        operation_id="switch_built_in_fields",
        parameters=[SWITCH],
        request=None,
        responses=ResultSerializer,
    )
    def post(self, request: Request, dataset_id: UUID, action: str) -> Response:
        """Show the built-in fields in the metadata of documents, or do not."""
        dataset = self.dataset(dataset_id)
        if action not in ("enable", "disable"):
            raise ActionRefused(f"Invalid action: {action}. Use: enable, disable.")
        services.switch_built_in_fields(dataset, on=action == "enable")
        return Response(DONE)


class ValuesView(ApiView):
    """The values of documents."""

    @extend_schema(
        operation_id="set_metadata_values",
        request=DocumentsValuesSerializer,
        responses=ResultSerializer,
    )
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """Give documents values of the dataset's fields: all of them, or none."""
        dataset = self.dataset(dataset_id)
        wanted = checked(DocumentsValuesSerializer, request)["operation_data"]
        services.set_values(dataset, [_values(each) for each in wanted])
        return Response(DONE)


def _values(wanted: dict[str, Any]) -> DocumentValues:
    return DocumentValues(
        wanted["document_id"],
        {each["id"]: each["value"] for each in wanted["metadata_list"]},
        wanted["partial_update"],
    )
