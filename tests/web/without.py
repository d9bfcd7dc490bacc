"""URLs of a site that has not."""

urlpatterns: list[object] = []
