"""The desk's list of drafts, of which several are published at once."""

from __future__ import annotations

from support.persons import Person


def test_selected_drafts_are_published_and_no_others(ada: Person, edith: Person, anonymous: Person) -> None:
    mine = [ada.write_post(title=f"Draft {n}", action="draft") for n in range(3)]
    ada.post("/desk/publish")
    assert "Select drafts first." in ada.get("/desk").text
    ada.post("/desk/publish", post=[str(mine[0]), str(mine[2])])
    assert "Published: 2" in ada.get("/desk").text
    assert [anonymous.get(f"/post/{post_id}").status_code for post_id in mine] == [200, 404, 200]
    assert "Draft 2" in anonymous.get("/").text
    edith.post("/desk/publish", post=[str(mine[1])])
    assert anonymous.get(f"/post/{mine[1]}").status_code == 200


def test_one_that_is_somebody_elses_keeps_all_as_they_are(ada: Person, bob: Person, anonymous: Person) -> None:
    mine, theirs = ada.write_post(action="draft"), bob.write_post(action="draft")
    for odd in (str(theirs), "99"):
        assert ada.post("/desk/publish", post=[str(mine), odd]).status_code == 404
        assert anonymous.get(f"/post/{mine}").status_code == 404
    for odd in ("x", "-1", "9" * 5000, "٣"):
        assert ada.post("/desk/publish", post=[odd]).status_code == 302
