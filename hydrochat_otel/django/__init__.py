"""The web side in a Django project: ``INSTALLED_APPS += ["hydrochat_otel.django"]``.

`apps` installs the pipeline with the project's settings, `urls` is there to be included, `views` translates for
:func:`hydrochat_otel.web.respond`, `checks` says what is missing. `rest` holds the view for projects that use Django
REST framework; nothing else imports it.
"""
