"""The web side in a Django project: ``INSTALLED_APPS += ["hydrochat_otel.django"]``.

`apps` installs the pipeline with the project's settings, a project includes `urls`, `views` translates requests for
:func:`hydrochat_otel.web.respond`, `checks` reports what is missing. `rest` holds the view for projects that use Django
REST framework; no other module imports it.
"""
