"""The serializers that come with Convoy, by name."""

from django_convoy.contracts.serializer import Serializer
from django_convoy.serializers.json import JSONSerializer
from django_convoy.serializers.pickle import PickleSerializer

SERIALIZERS: dict[str, type[Serializer]] = {"json": JSONSerializer, "pickle": PickleSerializer}
