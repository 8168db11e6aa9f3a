"""The scheduler's pure functions, one rule each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from petra.inference.worker.scheduler.admission import PATIENCE, Candidate, choose, in_turn
from petra.inference.worker.scheduler.cells import Cells
from petra.inference.worker.scheduler.cost import LEAST_CHUNK, StepCost
from petra.inference.worker.scheduler.lookup import Lookup
from petra.inference.worker.scheduler.prefixes import Holding, Kind, best, common, shareable
from petra.inference.worker.scheduler.step import Demand, Take, plan, turn


def waiting(*owners: str | None) -> list[Candidate]:
    return [Candidate(number, owner, float(number)) for number, owner in enumerate(owners)]


class TestAdmission:
    def test_persons_take_turns_and_each_persons_requests_keep_their_order(self) -> None:
        order = in_turn(waiting("ann", "ann", "ann", "bob", "eve"), [])
        assert [one.number for one in order] == [0, 3, 4, 1, 2]

    def test_who_has_answers_under_way_comes_after_who_has_none(self) -> None:
        order = in_turn(waiting("ann", "bob"), ["ann"])
        assert [one.owner for one in order] == ["bob", "ann"]

    def test_nobody_has_more_than_their_share_but_the_endpoints_owner(self) -> None:
        def chosen(owner: str | None) -> Candidate | None:
            active = [owner, owner]
            return choose(waiting(owner), active, places=8, per_person=2, fits=lambda one: True, now=0)

        assert chosen("ann") is None and chosen(None) is not None

    def test_what_fits_may_pass_what_does_not_for_a_while_only(self) -> None:
        def chosen(now: float) -> int | None:
            found = choose(
                waiting("big", "small"),
                [],
                places=8,
                per_person=4,
                fits=lambda one: one.owner == "small",
                now=now,
            )
            return found and found.number

        assert chosen(now=1.0) == 1
        assert chosen(now=PATIENCE + 0.5) is None

    def test_there_are_only_so_many_places(self) -> None:
        assert choose(waiting("a"), ["b"], places=1, per_person=4, fits=lambda one: True, now=0) is None


class TestStep:
    def test_everybody_who_writes_gets_a_token_before_any_prompt_is_read(self) -> None:
        demands = [Demand(0, "ann", None, 500, 0), *(Demand(n, f"p{n}", None, 1, 0) for n in range(1, 7))]
        takes = plan(demands, adapter=None, chunk=40, batch=512)
        assert takes == [*(Take(n, 1) for n in range(1, 7)), Take(0, 40)]

    def test_prompts_are_read_in_turn_by_person_not_by_request(self) -> None:
        demands = [
            Demand(0, "ann", None, 100, 300),
            Demand(1, "ann", None, 100, 300),
            Demand(2, "bob", None, 10, 0),
        ]
        assert plan(demands, adapter=None, chunk=30, batch=512) == [Take(2, 10), Take(0, 20)]

    def test_who_waits_for_a_shared_beginning_takes_nothing(self) -> None:
        demands = [Demand(0, "ann", None, 100, 0), Demand(1, "bob", None, 100, 0, ready=False)]
        assert plan(demands, adapter=None, chunk=30, batch=512) == [Take(0, 30)]

    def test_a_batch_is_never_exceeded_and_rotates(self) -> None:
        demands = [Demand(n, f"p{n}", None, 1, 0) for n in range(10)]
        first = plan(demands, adapter=None, chunk=8, batch=4, first=0)
        later = plan(demands, adapter=None, chunk=8, batch=4, first=4)
        assert len(first) == len(later) == 4 and not set(first) & set(later)

    def test_adapters_take_turns(self) -> None:
        demands = [Demand(0, "a", None, 1, 0), Demand(1, "b", "law", 1, 0), Demand(2, "c", None, 9, 0)]
        assert turn(demands, None) == "law" and turn(demands, "law") is None
        assert plan(demands, adapter="law", chunk=9, batch=9) == [Take(1, 1)]

    def test_nobody_ready_is_nothing_to_do(self) -> None:
        assert turn([], "law") is None and plan([], adapter=None, chunk=9, batch=9) == []


class TestCost:
    def test_a_chunk_fills_the_time_that_writing_leaves(self) -> None:
        cost = StepCost(rate=1000)
        cost.learn(8, 0, 0.05)
        assert cost.chunk(8, 0.15) in (99, 100) and cost.chunk(0, 0.15) in (149, 150)

    def test_somebody_is_always_read(self) -> None:
        cost = StepCost(rate=10)
        cost.learn(32, 0, 0.5)
        assert cost.chunk(32, 0.15) == LEAST_CHUNK

    def test_slower_steps_make_smaller_chunks(self) -> None:
        cost = StepCost(rate=1000)
        before = cost.chunk(0, 0.15)
        for _ in range(20):
            cost.learn(0, 100, 1.0)
        assert cost.chunk(0, 0.15) < before / 5 and 90 < cost.reading_rate < 130

    def test_more_writers_than_ever_measured_are_taken_to_cost_in_proportion(self) -> None:
        cost = StepCost(rate=1000)
        cost.learn(4, 0, 0.04)
        assert cost.seconds(8, 0) == 0.08 and cost.seconds(2, 0) == 0.04


class TestPrefixes:
    OWN = Holding(list(range(100)), "ann", public=40, kind=Kind.PARKED, held=90, sequence=0)

    def test_ones_own_history_is_shared_up_to_where_it_differs(self) -> None:
        tokens = [*range(70), 7, 7]
        assert shareable(self.OWN, tokens, "ann", 0, None) == 70

    def test_others_share_only_what_both_mark_public(self) -> None:
        tokens = list(range(80))
        assert shareable(self.OWN, tokens, "bob", 60, None) == 40
        assert shareable(self.OWN, tokens, "bob", 10, None) == 10
        assert shareable(self.OWN, tokens, "bob", 0, None) == 0

    def test_requests_without_a_person_share_with_their_like_only(self) -> None:
        of_nobody = Holding(list(range(50)), None, kind=Kind.PARKED, held=50)
        assert shareable(of_nobody, list(range(60)), None, 0, None) == 50
        assert shareable(of_nobody, list(range(60)), "ann", 60, None) == 0

    def test_what_is_pinned_is_no_ones_own(self) -> None:
        pinned = Holding(list(range(50)), None, public=50, kind=Kind.PINNED, held=50)
        assert shareable(pinned, list(range(60)), None, 0, None) == 0
        assert shareable(pinned, list(range(60)), None, 60, None) == 50

    def test_one_token_is_always_read_anew(self) -> None:
        assert shareable(self.OWN, list(range(90)), "ann", 0, None) == 89

    def test_an_adapter_makes_another_history(self) -> None:
        assert shareable(self.OWN, list(range(80)), "ann", 0, "law") == 0

    def test_a_model_that_cannot_trim_goes_on_from_the_whole_only(self) -> None:
        assert shareable(self.OWN, list(range(95)), "ann", 0, None, can_trim=False) == 90
        assert shareable(self.OWN, list(range(70)), "ann", 0, None, can_trim=False) == 0

    def test_it_waits_for_what_is_being_read_when_that_is_worth_it(self) -> None:
        reading = Holding(list(range(100)), "ann", held=10)
        found = best([reading], list(range(100)), "ann", 0, None)
        assert found and (found.length, found.ready) == (99, False)
        nearly = Holding(list(range(100)), "ann", held=95)
        found = best([nearly], list(range(100)), "ann", 0, None)
        assert found and (found.length, found.ready) == (95, True)

    @given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), max_size=40))
    def test_common_is_what_it_says(self, a: list[int], b: list[int]) -> None:
        length = common(a, b, 30)
        assert a[:length] == b[:length] and length <= 30
        assert length == min(30, len(a), len(b)) or a[length] != b[length]


class TestLookup:
    def test_what_came_after_the_same_three_tokens_is_proposed(self) -> None:
        lookup = Lookup()
        tokens = [1, 2, 3, 4, 5, 6, 9, 2, 3]
        assert lookup.propose(tokens) == []
        tokens.append(4)
        assert lookup.propose(tokens) == [5, 6, 9]

    def test_the_latest_occurrence_counts(self) -> None:
        assert Lookup().propose([1, 2, 3, 7, 7, 1, 2, 3, 8, 8, 1, 2, 3]) == [8, 8, 1]

    def test_short_or_new_texts_propose_nothing(self) -> None:
        assert Lookup().propose([]) == Lookup().propose([1, 2]) == Lookup().propose([1, 2, 3]) == []


class TestCells:
    def test_a_shared_beginning_counts_once_where_the_cache_is_unified(self) -> None:
        for unified, used in ((True, 100 + 2 * 5), (False, 100 + 2 * 65)):
            cells = Cells(unified=unified)
            cells.write(0, 100)
            for copy in (1, 2):
                cells.copy(0, copy, 60)
                cells.write(copy, 5)
            assert cells.used() == used

    def test_what_others_still_hold_stays_taken(self) -> None:
        cells = Cells(unified=True)
        cells.write(0, 100)
        cells.copy(0, 1, 60)
        cells.trim(0, 0)
        assert cells.used() == 60 and cells.length(0) == 0

    def test_what_is_written_after_a_cut_is_new(self) -> None:
        cells = Cells(unified=True)
        cells.write(0, 100)
        cells.copy(0, 1, 80)
        cells.trim(0, 60)
        cells.write(0, 10)
        assert cells.used() == 90


def test_what_everybody_shares_comes_before_a_little_more_of_ones_own() -> None:
    shared, prompt = list(range(100)), list(range(200))
    pinned = Holding(shared, None, 100, kind=Kind.PINNED, held=100, sequence=0)
    for own, wanted in ((110, pinned), (150, None)):
        parked = Holding([*range(own), -1], "ada", 100, kind=Kind.PARKED, held=own, sequence=1)
        source = best([parked, pinned], prompt, "ada", 100, None)
        assert source and source.holding is (wanted or parked)
