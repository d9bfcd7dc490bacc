"""Convoy's serializers carry what they promise to."""

from django_convoy.contracts.serializer import Serializer
from django_convoy.serializers.json import JSONSerializer
from django_convoy.serializers.pickle import PickleSerializer
from django_convoy.testing.conformance.serializer import SerializerConformance


class TestJSON(SerializerConformance):
    def make(self) -> Serializer:
        return JSONSerializer()


class TestPickle(SerializerConformance):
    harmless = False

    def make(self) -> Serializer:
        return PickleSerializer()
