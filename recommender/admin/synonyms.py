"""Synonyms in the admin: words that mean the same, in force as soon as they are saved."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from recommender.models import Synonym
from recommender.search import synonyms
from recommender.search.tokens import key_of

MAX_WORDS = 5


class SynonymForm(forms.ModelForm):
    """A synonym, checked so that it can do what it says."""

    def clean_term(self) -> str:
        term = " ".join(self.cleaned_data["term"].split())
        if "," in term:
            raise forms.ValidationError("One word or phrase only; the others belong into the next field.")
        _check(term)
        return term

    def clean_means(self) -> str:
        meanings = Synonym(means=self.cleaned_data["means"]).meanings
        if not meanings:
            raise forms.ValidationError("Give at least one word or phrase that it stands for.")
        for meaning in meanings:
            _check(meaning)
        return ", ".join(dict.fromkeys(meanings))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        term, means = given.get("term", ""), given.get("means", "")
        if term and any(key_of(meaning) == key_of(term) for meaning in means.split(",")):
            self.add_error("means", f"“{term}” is the term itself; name what else it stands for.")
        twins = Synonym.objects.filter(term__iexact=term).exclude(pk=self.instance.pk)
        if term and twins.exists():
            self.add_error("term", f"There is a synonym for “{term}” already; add the words to that one.")
        return given


def _check(text: str) -> None:
    words = key_of(text).split()
    if not words:
        raise forms.ValidationError(f"“{text}” has no word in it.")
    if len(words) > MAX_WORDS:
        raise forms.ValidationError(f"“{text}” is over {MAX_WORDS} words long; nobody types that.")


@admin.register(Synonym)
class SynonymAdmin(admin.ModelAdmin):
    form = SynonymForm
    list_display = ["term", "means", "both_ways", "active"]
    list_editable = ["active"]
    list_filter = ["both_ways", "active"]
    search_fields = ["term", "means"]

    def save_model(self, request: HttpRequest, obj: Synonym, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        synonyms.changed()

    def delete_model(self, request: HttpRequest, obj: Synonym) -> None:
        super().delete_model(request, obj)
        synonyms.changed()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Synonym]) -> None:
        super().delete_queryset(request, queryset)
        synonyms.changed()
