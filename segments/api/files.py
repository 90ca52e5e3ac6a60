"""/v1/files/upload: a file handed in ahead of its import."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from segments.api.serializers.files import UploadFormSerializer, UploadSerializer
from segments.api.views import ApiView
from segments.receiving import received_file, refuse_large_body
from segments.uploads import keep_upload


class UploadView(ApiView):
    """Files for later."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="upload_file",
        request={"multipart/form-data": UploadFormSerializer},
        responses={status.HTTP_201_CREATED: UploadSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep the file; it is removed after a day if no import has used it."""
        refuse_large_body(request)
        request.data  # noqa: B018  (reads the form)
        file = received_file(request)
        upload = keep_upload(self.tenant, file, file.name or "", file.content_type or "", self.user)
        return Response(UploadSerializer(upload).data, status=status.HTTP_201_CREATED)
