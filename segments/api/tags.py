"""/v1/datasets/tags: words that datasets are grouped by."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Dataset, Tag
from segments.api.serializers.documents import ResultSerializer
from segments.api.serializers.fields import Constant, Id, Text
from segments.api.views import ApiView, checked
from segments.services import metadata as services

NAME_CHARS = 50


class TagSerializer(serializers.Serializer[Tag]):
    """A tag."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    type = Constant("knowledge")


class CountedTagSerializer(TagSerializer):
    """A tag, and how many datasets have it; a number as text, as clients of Dify expect it."""

    binding_count = Text(read_only=True, default="0")


class NewTagSerializer(serializers.Serializer[None]):
    """A tag that is wanted."""

    name = Text(max_length=NAME_CHARS)


class TagIdSerializer(serializers.Serializer[None]):
    """Which tag is meant."""

    tag_id = Id()


class RenamedTagSerializer(NewTagSerializer, TagIdSerializer):
    """A tag, and its new name."""


class BindingSerializer(serializers.Serializer[None]):
    """Tags for a dataset."""

    tag_ids = serializers.ListField(child=Id(), allow_empty=False)
    target_id = Id(help_text="The dataset.")


class UnbindingSerializer(serializers.Serializer[None]):
    """Tags to take from a dataset: one, or several."""

    tag_id = Id(required=False)
    tag_ids = serializers.ListField(child=Id(), required=False, default=list)
    target_id = Id(help_text="The dataset.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With all of them in `tag_ids`."""
        ids = [*attrs["tag_ids"], *([attrs["tag_id"]] if "tag_id" in attrs else [])]
        if not ids:
            raise serializers.ValidationError({"tag_id": "This field is required."})
        return attrs | {"tag_ids": ids}


class DatasetTagsSerializer(serializers.Serializer[None]):
    """The tags of a dataset."""

    data = TagSerializer(many=True)  # type: ignore[assignment]  # Dify's name for it
    total = serializers.IntegerField()


class TagsView(ApiView):
    """The tags of the tenant; the body of a request names the one that is meant."""

    @extend_schema(operation_id="list_tags", responses=CountedTagSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All tags by name."""
        tags = services.list_tags(self.tenant)
        return Response([CountedTagSerializer(tag).data for tag in tags])

    @extend_schema(
        operation_id="create_tag", request=NewTagSerializer, responses=CountedTagSerializer
    )
    def post(self, request: Request) -> Response:
        """A new tag."""
        self.refuse_one_dataset()
        name = checked(NewTagSerializer, request)["name"]
        return Response(CountedTagSerializer(services.create_tag(self.tenant, name)).data)

    @extend_schema(
        operation_id="rename_tag", request=RenamedTagSerializer, responses=CountedTagSerializer
    )
    def patch(self, request: Request) -> Response:
        """Give a tag another name."""
        self.refuse_one_dataset()
        wanted = checked(RenamedTagSerializer, request)
        renamed = services.rename_tag(self.tenant, wanted["tag_id"], wanted["name"])
        shown = services.list_tags(self.tenant).get(pk=renamed.pk)
        return Response(CountedTagSerializer(shown).data)

    @extend_schema(
        operation_id="delete_tag",
        request=TagIdSerializer,
        responses={status.HTTP_204_NO_CONTENT: None},
    )
    def delete(self, request: Request) -> Response:
        """Remove a tag from all datasets, and itself."""
        self.refuse_one_dataset()
        services.delete_tag(self.tenant, checked(TagIdSerializer, request)["tag_id"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class BindTagsView(ApiView):
    """Tags a dataset."""

    @extend_schema(operation_id="bind_tags", request=BindingSerializer, responses=ResultSerializer)
    def post(self, request: Request) -> Response:
        """Give a dataset tags, all of them or none; one that it has already is fine."""
        wanted = checked(BindingSerializer, request)
        services.bind_tags(self.dataset(wanted["target_id"]), wanted["tag_ids"])
        return Response({"result": "success"})


class UnbindTagsView(ApiView):
    """Takes tags from a dataset."""

    @extend_schema(
        operation_id="unbind_tags", request=UnbindingSerializer, responses=ResultSerializer
    )
    def post(self, request: Request) -> Response:
        """Take tags from a dataset; one that it does not have is fine."""
        wanted = checked(UnbindingSerializer, request)
        services.unbind_tags(self.dataset(wanted["target_id"]), wanted["tag_ids"])
        return Response({"result": "success"})


class DatasetTagsView(ApiView):
    """The tags of one dataset."""

    only_reads = True

    @extend_schema(operation_id="list_dataset_tags", responses=DatasetTagsSerializer)
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """Its tags by name."""
        return _tags_of(self.dataset(dataset_id))

    @extend_schema(operation_id="query_dataset_tags", request=None, responses=DatasetTagsSerializer)
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """Its tags by name: Dify's clients ask so, too."""
        return _tags_of(self.dataset(dataset_id))


def _tags_of(dataset: Dataset) -> Response:
    found = list(dataset.tags.all())
    return Response({"data": [TagSerializer(tag).data for tag in found], "total": len(found)})
