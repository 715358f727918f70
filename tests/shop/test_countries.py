from shop.countries import COUNTRIES


def test_every_country_has_a_code_of_two_capitals_and_a_name():
    assert all(len(code) == 2 and code.isupper() and name.strip() for code, name in COUNTRIES)


def test_no_code_is_there_twice_and_the_list_is_complete():
    assert len({code for code, _ in COUNTRIES}) == len(COUNTRIES) == 249


def test_countries_come_by_name():
    names = [name.casefold() for _, name in COUNTRIES]
    assert names == sorted(names)
