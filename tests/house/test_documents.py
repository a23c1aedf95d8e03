"""What the documentation has from the code is what the code says. Mend it by `make documents`."""

from __future__ import annotations

from deployments.ingress.problems import PROBLEMS
from tests import documents
from tests.api.rows import ROWS
from tests.monitoring.dashboard import DASHBOARD, dashboard

UNPROVOKED = {"bad_request"}
"""What stands in for a refusal of the framework that does not exist today."""


def test_the_openapi_document_is_the_one_that_is_served():
    assert documents.OPENAPI.read_text() == documents.openapi()


def test_the_table_of_the_api_page_is_the_one_that_is_tested():
    assert documents.API_PAGE.read_text() == documents.api_page()


def test_the_table_of_the_figures_is_that_of_the_catalogue():
    assert documents.MONITORING_PAGE.read_text() == documents.monitoring_page()


def test_the_dashboard_is_the_one_that_is_tested():
    assert DASHBOARD.read_text() == dashboard()


def test_every_problem_has_a_row():
    documents.api_table()
    assert {row.code for row in ROWS if row.code} == PROBLEMS.keys() - UNPROVOKED
