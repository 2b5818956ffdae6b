"""The contract every lesson keeps: its structure, its exercises, its recording."""

import ast
import builtins
import functools
import io
import re
import statistics
import tokenize

import nbformat
import pytest

from helpers import ROOT, minutes, syllabus
from helpers.workbook import compare, record

LESSONS = syllabus.load().lessons
IDS = [lesson.id for lesson in LESSONS]
# Not yet of the new pattern, each until its issue comes
OLD = [
    "1.1",
    "1.2",
    "1.3",
    "1.4",
    "1.5",
    "1.6",
    "2.1",
    "2.2",
    "2.4",
    "2.5",
    "2.6",
    "2.7",
    "2.9",
    "2.10",
    "3.8",
]
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
each_old_lesson = pytest.mark.parametrize("lesson", [x for x in LESSONS if x.id in OLD], ids=OLD)
NEW = [lesson for lesson in LESSONS if lesson.id not in OLD]
each_new_lesson = pytest.mark.parametrize("lesson", NEW, ids=[lesson.id for lesson in NEW])

# What makes a sentence a claim, as far as a test can see it: it compares or ranks. "More than one" and "rather than" do not.
COMPARES = re.compile(
    r"(?<!rather )(?<!other )\bthan\b(?! (?:one|two|a few|once)\b)"
    r"|(?<!at )(?<!a )\b(?:most|least)\b|\b(?:best|worst|highest|lowest|largest|smallest|fastest|slowest)\b",
    re.I,
)


@functools.cache
def written(lesson):
    return lesson.notebook().cells


@functools.cache
def recorded(lesson):
    return nbformat.read(lesson.recording, 4).cells


def code(lesson):
    return [c for c in written(lesson) if c.cell_type == "code"]


def prose(lesson):
    return [c.source for c in written(lesson) if c.cell_type == "markdown"]


def tagged(lesson, tag):
    return [c for c in code(lesson) if tag in tags(c)]


def tags(cell):
    return cell.metadata.get("tags", [])


def core(cells):
    """The cells before the section "Deeper"."""
    deeper = [
        i for i, c in enumerate(cells) if c.cell_type == "markdown" and c.source.startswith("## Deeper")
    ]
    return cells[: deeper[0]] if deeper else cells


def sections(cells, heading=r"## .+"):
    """The sections with such a heading: heading, and the cells from it to the next heading of its rank."""
    found, current = {}, None
    for cell in cells:
        if cell.cell_type == "markdown" and (begun := re.match(r"## .+", cell.source)):
            current = found.setdefault(begun[0], []) if re.match(heading, cell.source) else None
        if current is not None:
            current.append(cell)
    return found


def names(source, kind):
    """Names that code binds (ast.Store) or reads (ast.Load), wherever in it; a function is bound by its name."""
    tree = parsed(source)
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}
    if kind is ast.Store:
        found |= {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        imports = (n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom)))
        found |= {(a.asname or a.name).split(".")[0] for n in imports for a in n.names}
    return found


def inner(source):
    """Names that are bound within functions: their arguments and inner functions, what they import and catch."""
    found = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ExceptHandler)) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
    return found


def left_behind(node):
    """Names that code binds for the cells after it: not the variables of functions and comprehensions."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return set()
    own = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
    if isinstance(node, ast.alias):
        own = {(node.asname or node.name).split(".")[0]}
    return own.union(*map(left_behind, ast.iter_child_nodes(node)))


def parsed(source):
    return ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.M))


def pictures(cells):
    """Places of the cells of a recording that show a picture."""
    return [
        i
        for i, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def test_the_syllabus_names_every_lesson_there_is_and_only_those():
    texts = {path for lesson in LESSONS for path in (lesson.source, lesson.exercises)}
    assert set((ROOT / "notebooks").rglob("*.py")) == texts
    for lesson in LESSONS:
        assert set(lesson.after) <= set(IDS), f"{lesson.id} comes after lessons that are not there"
        assert set(lesson.needs) <= {r.id for r in syllabus.load().resources}
        assert all((ROOT / "data" / name).is_dir() for name in lesson.data)


def test_there_is_a_recording_of_every_lesson_and_no_other():
    assert sorted((ROOT / "notebooks").rglob("*.ipynb")) == sorted(lesson.recording for lesson in LESSONS)


def test_the_readme_lists_the_lessons_of_the_syllabus(tmp_path):
    (tmp_path / "README.md").write_text((ROOT / "README.md").read_text())
    assert not record.list_in_readme(tmp_path / "README.md"), "`workbook record` writes the list"


@each_lesson
def test_text_and_recording_are_in_step(lesson):
    assert record.stale(lesson) == [], f"`workbook record {lesson.id}`"


@each_lesson
def test_a_lesson_opens_with_its_title_what_you_will_be_able_to_do_needs_and_minutes(lesson):
    opening = "\n".join(prose(lesson)[:2])
    assert opening.startswith(f"# {lesson.id} {lesson.title}")
    assert re.search(r"able to", opening) and opening.count("\n- ") >= 3
    said = " ".join(opening.split())
    assert re.search(r"[Nn]eeds", said) and f"about {lesson.minutes} minutes" in said, lesson.minutes


@each_lesson
def test_a_lesson_begins_then_names_its_parameters_and_ends_with_the_checklist(lesson):
    cells = code(lesson)
    assert f'lesson.begin("{lesson.id}")' in cells[0].source
    assert "parameters" in cells[1].metadata.get("tags", [])
    assert core(written(lesson))[-1].source.strip() == "lesson.end()"
    assert [cell.source.strip() for cell in cells].count("lesson.end()") == 1
    headings = re.findall(r"^## (?:\d+ )?(.+)$", "\n".join(prose(lesson)), re.M)
    assert any(heading.startswith("What breaks in production") for heading in headings)
    assert [heading for heading in headings if heading != "Deeper"][-1] == "What you did"
    assert headings.count("Deeper") <= 1


@each_lesson
def test_a_recording_loads_nothing_from_the_web(lesson):
    for cell in recorded(lesson):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "application/javascript" not in data
            assert not re.search(r"""(src|href)=["']?(https?:)?//""", data.get("text/html", ""))


@each_lesson
def test_lines_end_at_110_columns(lesson):
    """Of the text and its book, but for what means the line as it is: a table, a block, a string of many lines, an address."""
    for cell in written(lesson):
        lines = cell.source.splitlines()
        if cell.cell_type == "markdown":
            text = re.sub(r"^```.*?^```|^\|.*?$", "", cell.source, flags=re.M | re.S)
            lines = [f"# {line}" for line in text.splitlines()]
        for token in (
            tokenize.generate_tokens(io.StringIO(cell.source).readline) if cell.cell_type == "code" else ()
        ):
            if token.type == tokenize.STRING and token.end[0] > token.start[0]:
                lines[token.start[0] - 1 : token.end[0]] = [""] * (token.end[0] - token.start[0] + 1)
        long = [line for line in lines if len(line) > 110 and len(max(line.split(), key=len)) < 80]
        assert not long
    assert not [line for line in lesson.exercises.read_text().splitlines() if len(line) > 110]


@each_lesson
def test_cells_are_short(lesson):
    in_view = [c for c in code(lesson) if not {"folded", "claim"} & set(tags(c))]
    lengths = [len([line for line in c.source.splitlines() if line.strip()]) for c in in_view]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 20, sorted(lengths)[-8:]


@each_lesson
def test_each_exercise_is_a_starter_a_solution_and_a_check_in_this_order(lesson):
    ids = syllabus.exercises(lesson)
    assert 2 <= len(ids) <= 5
    for exercise in ids:
        cells = [c for c in code(lesson) if c.metadata.get("exercise") == exercise]
        kinds = [
            next((t for t in c.metadata.get("tags", []) if t in ("starter", "solution")), "check")
            for c in cells
        ]
        assert kinds == ["starter", "solution", "check"], exercise
        assert "..." in cells[0].source


@each_lesson
def test_an_exercise_is_a_task_with_points_and_its_cells_follow_each_other(lesson):
    cells = written(lesson)
    for exercise in syllabus.exercises(lesson):
        places = [i for i, cell in enumerate(cells) if cell.metadata.get("exercise") == exercise]
        kinds = [cells[i].cell_type for i in places]
        assert kinds == ["markdown", "code", "code", "code"], exercise
        assert places == list(range(places[0], places[0] + 4)), f"{exercise}: something stands between"
        heading = cells[places[0]].source.split("\n")[0]
        assert re.fullmatch(rf"### Exercise {re.escape(exercise)}: .+ \((?:1 point|2 points)\)", heading), (
            heading
        )


@each_lesson
def test_a_check_gives_back_what_the_lesson_goes_on_with(lesson):
    """`a, b = lesson.check("2.2a", a=a, b=b)`, or with `given=…` as its last word, and nothing else in its cell."""
    for exercise in syllabus.exercises(lesson):
        cell = [c for c in code(lesson) if c.metadata.get("exercise") == exercise][-1]
        assert check_form(cell.source) == (exercise, True), cell.source


def check_form(source):
    """The exercise that a check's cell names, and whether it binds just the names it hands in."""
    match ast.parse(source).body:
        case [ast.Assign(targets=[target], value=ast.Call(args=[ast.Constant(value=str() as name)]) as call)]:
            bound = [ast.unparse(x) for x in (target.elts if isinstance(target, ast.Tuple) else [target])]
            handed = [(word.arg, ast.unparse(word.value)) for word in call.keywords if word.arg != "given"]
            in_order = [word.arg for word in call.keywords][: len(handed)] == bound
            own = ast.unparse(call.func) == "lesson.check" and handed == [(x, x) for x in bound]
            return name, own and in_order
    return None, False


def test_the_form_of_a_check_is_seen():
    assert check_form('a = lesson.check("1.1a", a=a)') == ("1.1a", True)
    assert check_form('a, b = lesson.check("1.1a", a=a, b=b, given={"x": a})') == ("1.1a", True)
    for wrong in (
        'lesson.check("1.1a", a=a)',
        'b = lesson.check("1.1a", a=a)',
        'a = lesson.check("1.1a", a=a)\na',
        'a, b = lesson.check("1.1a", b=b, a=a)',
        'a = check("1.1a", a=a)',
        'a = lesson.check("1.1a", a=b)',
    ):
        assert not check_form(wrong)[1]


@each_lesson
def test_a_starter_has_nothing_to_uncomment(lesson):
    for cell in tagged(lesson, "starter"):
        assert commented_code(cell.source) == [], cell.source


def commented_code(source):
    """The comments on lines of their own that are code."""
    found = []
    for line in re.findall(r"^\s*#+ ?(.*)$", source, re.M):
        try:
            body = ast.parse(line.strip()).body
        except SyntaxError:  # a sentence
            continue
        if body and not (isinstance(body[0], ast.Expr) and not isinstance(body[0].value, ast.Call)):
            found.append(line)
    return found


def test_commented_code_is_told_from_a_sentence():
    starter = """# a number
#
# hours
def f(x):
    # What goes in: rows of (key, time)
    # answer = [x for x in y]
    # return x
    # say(x)
    ...     # not = here
"""
    assert commented_code(starter) == ["answer = [x for x in y]", "return x", "say(x)"]


@each_old_lesson
def test_what_follows_an_exercise_does_not_depend_on_the_answer(lesson):
    """Names a solution binds are read by its check alone."""
    cells = code(lesson)
    for exercise in syllabus.exercises(lesson):
        own = [c for c in cells if c.metadata.get("exercise") == exercise]
        answers = names(own[0].source, ast.Store)
        after = cells[cells.index(own[-1]) + 1 :]
        for cell in after:
            if cell.metadata.get("exercise") is None:
                bound_here = names(cell.source, ast.Store)
                assert not (answers - bound_here) & names(cell.source, ast.Load), (
                    f"{exercise}: {cell.source[:80]}"
                )


@each_lesson
def test_every_solution_is_judged_right_in_the_recording(lesson):
    cells = recorded(lesson)
    checks = [c for c in cells if c.cell_type == "code" and re.search(r"\blesson\.check\(", c.source)]
    assert len(checks) == len(syllabus.exercises(lesson))
    for cell in checks:
        said = cell.outputs[-1]["data"]["text/plain"]
        assert "right" in said.lower().split("\n")[0], f"{cell.source}: {said}"


@each_lesson
def test_a_recording_speaks_no_error_no_stderr_and_no_address_or_path(lesson):
    for cell in recorded(lesson):
        for output in cell.get("outputs", []):
            assert output.output_type != "error" and output.get("name") != "stderr"
            words = str(output.get("text", "")) + str(
                {k: v for k, v in output.get("data", {}).items() if "image" not in k}
            )
            assert not re.search(r"/(tmp|root|home)/|127\.0\.0\.1:\d|localhost:\d|0x[0-9a-f]{8}", words), (
                words[:200]
            )


@each_lesson
def test_tolerances_are_narrow_and_ignored_outputs_have_a_reason(lesson):
    for cell in code(lesson):
        rtol, _ = compare.tolerance(cell.metadata.get("tags", []))
        assert rtol <= 0.1
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            assert len(cell.metadata.get("reason", "")) > 20
    ignored = len(tagged(lesson, "nbval-ignore-output")) + len(tagged(lesson, "nbval-skip"))
    assert ignored == 0, "none is needed so far: give the reason here when one is"


@each_lesson
def test_every_picture_of_a_recording_has_a_text_that_says_its_finding(lesson):
    for cell in recorded(lesson):
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                assert len(output.data.get("text/plain", "")) > 30, cell.source
                assert "Figure size" not in output.data["text/plain"]


# ---- the new pattern ------------------------------------------------------------------------------------------------


@each_new_lesson
def test_an_exercise_has_hands_on_the_real_tool(lesson):
    assert max(syllabus.points(lesson).values()) == 2


@each_new_lesson
def test_the_core_path_is_an_honest_hour(lesson):
    counts = minutes.counts(minutes.parts(lesson.text)[0])
    assert counts.words <= 3000 and counts.lines <= 450 and counts.minutes <= 75, counts


@each_new_lesson
def test_the_opening_and_deeper_say_their_own_minutes(lesson):
    opening = " ".join("\n".join(prose(lesson)[:2]).split())
    deeper = minutes.of(lesson).deeper
    assert f"Time: about {lesson.minutes} minutes" in opening, lesson.minutes
    if core(written(lesson)) == written(lesson):
        assert not re.search(r"\bDeeper\b", opening)
        return
    section = written(lesson)[len(core(written(lesson)))]
    assert f"about {deeper} minutes" in " ".join(section.source.split()), deeper
    assert f'minutes, and {deeper} more for "Deeper"' in opening, "they are not among those of the core path"


@each_new_lesson
def test_a_recording_shows_four_pictures_the_first_by_the_end_of_section_1(lesson):
    cells = core(recorded(lesson))
    second = next(i for i, cell in enumerate(cells) if cell.source.startswith("## 2"))
    assert len(pictures(cells)) >= 4 and pictures(cells)[0] < second


@each_new_lesson
def test_the_first_picture_is_an_overview(lesson):
    drawn = [
        c.source for c in code(lesson) if re.search(r"\bfigures\.(?:show|overview|lines|bars)\(", c.source)
    ]
    assert drawn and "figures.overview(" in drawn[0]


@each_new_lesson
def test_a_prediction_is_a_guess_then_a_result_and_there_is_one(lesson):
    cells = code(lesson)
    made = [(i, c) for i, c in enumerate(cells) if "prediction" in c.metadata]
    assert 1 <= len(made) <= 2
    for i, cell in made:
        name = cell.metadata["prediction"]
        assert re.fullmatch(rf"{re.escape(lesson.id)}p\d", name)
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert re.match(r"\w+ = \.\.\. +# \S", lines[0]), cell.source
        assert re.match(rf'lesson\.predict\(\s*"{re.escape(name)}", ', "\n".join(lines[1:])), cell.source
        reveal = rf'lesson\.reveal\(\s*"{re.escape(name)}"'
        places = [j for j, c in enumerate(cells) if re.search(reveal, c.source)]
        assert len(places) == 1 and places[0] > i, f"{name} is revealed once, after it was made"
        assert not tags(cell) and not {"solution", "claim"} & set(tags(cells[places[0]])), "learners see both"


@each_new_lesson
def test_each_section_closes_with_what_you_do_on_monday(lesson):
    numbered = sections(core(written(lesson)), r"## \d.+")
    assert len(numbered) >= 2
    for heading, cells in numbered.items():
        last = [cell for cell in cells if "claim" not in tags(cell)][-1]
        paragraph = last.source.strip().split("\n\n")[-1]
        assert last.cell_type == "markdown" and paragraph.startswith("**On Monday:**"), heading


@each_new_lesson
def test_a_claim_asserts_of_the_lessons_own_names_with_a_message_and_leaves_nothing_behind(lesson):
    cells, above = code(lesson), set()
    for cell in cells:
        if "claim" in tags(cell):
            assert claim_faults(cell.source, above) == [], cell.source
            assert tags(cell) == ["claim"], "a claim that may raise, or that is not compared, claims nothing"
            for name in left_behind(ast.parse(cell.source)):
                assert not reads_from(cells, cell, name), f"{name} is read outside:\n{cell.source}"
        else:
            imported = [
                n for n in ast.walk(parsed(cell.source)) if isinstance(n, (ast.Import, ast.ImportFrom))
            ]
            above |= names(cell.source, ast.Store) - {(a.asname or a.name) for n in imported for a in n.names}


def claim_faults(source, above):
    """What keeps a cell from being a claim about the names bound above it: modules are none of these."""
    tree, found = ast.parse(source), []
    asserted = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    if not asserted:
        found.append("asserts nothing")
    unsure = (ast.If, ast.Try, ast.With, ast.While, ast.FunctionDef, ast.AugAssign)
    found += ["may leave an assertion out" for node in ast.walk(tree) if isinstance(node, unsure)]
    told_by = dict.fromkeys(above, True)  # by name, whether it comes of the lesson's
    for statement in tree.body:
        read = names(ast.unparse(statement), ast.Load)
        told_by |= dict.fromkeys(left_behind(statement), any(told_by.get(name) for name in read))
    own = [node for node in ast.walk(tree) if isinstance(node, (ast.Subscript, ast.Attribute))]
    for node in own:
        base = ast.unparse(node).split(".")[0].split("[")[0]
        if not isinstance(node.ctx, ast.Load) and base in above - left_behind(tree):
            found.append(f"changes {base}")
    for node in asserted:
        if not (isinstance(node.msg, ast.JoinedStr) or isinstance(node.msg, ast.Constant) and node.msg.value):
            found.append("has no message")
        if not any(told_by.get(name) for name in names(ast.unparse(node.test), ast.Load)):
            found.append("asserts nothing of the lesson's")
        for pair in (n for n in ast.walk(node.test) if isinstance(n, ast.Compare)):
            if ast.dump(pair.left) in map(ast.dump, pair.comparators):
                found.append("compares with itself")
    return found


def test_a_claim_that_claims_nothing_is_seen():
    above = {"table", "low"}
    for right in (
        'assert low > 0, "it is above"',
        'for name in table:\n    assert table[name] > 0, f"{name} is above"',
        'ends = np.quantile(table, [0.05])\nassert ends[0] > 0, "it is above"',
    ):
        assert claim_faults(right, above) == [], right
    for wrong in (
        'assert True, "it is above"',
        'x = 3\nassert x == 3, "it is three"',
        'assert np.isfinite(1), "it is finite"',
        'assert table.max() == table.max(), "it is the largest"',
        'assert low > 0, ""',
        "assert low > 0",
        "low > 0",
        'try:\n    assert low > 0, "it is above"\nexcept AssertionError:\n    pass',
        'with contextlib.suppress(AssertionError):\n    assert low > 0, "it is above"',
        'if low > 0:\n    assert low > 0, "it is above"',
        'def claim():\n    assert low > 0, "it is above"',
        'table["x"] = 1\nassert table["x"] > 0, "it is above"',
        'table.x = 1\nassert table.x > 0, "it is above"',
        'low += 1\nassert low > 0, "it is above"',
    ):
        assert claim_faults(wrong, above), wrong


def reads_from(cells, claim, name):
    """Whether a cell after the claim reads this name as the claim has left it: before it binds it itself."""
    after = cells[next(i for i, c in enumerate(cells) if c is claim) + 1 :]
    for cell in after:
        for statement in parsed(cell.source).body:
            if name in read_first(statement):
                return True
            if name in left_behind(statement):
                return False
    return False


def read_first(statement):
    """Names that a statement reads before it binds them."""
    source = ast.unparse(statement)
    read = names(source, ast.Load) - inner(source)
    if isinstance(statement, ast.AugAssign):
        return read | {node.id for node in ast.walk(statement.target) if isinstance(node, ast.Name)}
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        value = ast.unparse(statement.value)
        bound = names(value, ast.Store)  # of comprehensions
        return read - bound
    return read - names(source, ast.Store)


def test_a_name_that_is_read_before_it_is_bound_is_seen():
    for source, first in (
        ("x = x + 1", {"x"}),
        ("x += 1", {"x"}),
        ("x = [x for x in y]", {"y"}),
        ("for x in y:\n    print(x)", {"y", "print"}),
        ("def f(x):\n    return x + y", {"y"}),
        ("x = 1", set()),
    ):
        assert read_first(ast.parse(source).body[0]) == first, source


@each_new_lesson
def test_a_recording_shows_nothing_of_claims(lesson):
    for cell in recorded(lesson):
        assert "claim" not in tags(cell) or cell.outputs == [], cell.source


@each_new_lesson
def test_a_section_whose_prose_compares_has_a_claim(lesson):
    """Of the words in COMPARES, in prose outside tasks and fenced code; "What you did" says again what stands above it."""
    for heading, cells in sections(written(lesson), r"## (?!What you did)").items():
        text = "\n".join(
            c.source for c in cells if c.cell_type == "markdown" and "exercise" not in c.metadata
        )
        found = COMPARES.search(re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
        said = found and text[max(0, found.start() - 60) : found.end() + 40]
        assert not found or any("claim" in tags(c) for c in cells), f"{heading}: … {said} …"


def test_a_comparison_is_seen_and_an_idiom_is_not():
    for text in ("lose less than the others", "the best model", "Most flights are"):
        assert COMPARES.search(text), text
    for text in (
        "more than one owner",
        "rather than by hand",
        "at least 30 rows",
        "at most two",
        "a better way",
    ):
        assert not COMPARES.search(text), text


@each_new_lesson
def test_a_later_cell_uses_the_answer_of_an_exercise(lesson):
    cells, used = code(lesson), []
    for exercise in syllabus.exercises(lesson):
        own = [c for c in cells if c.metadata.get("exercise") == exercise]
        last = next(i for i, c in enumerate(cells) if c is own[-1])
        rest = [c for c in cells[last + 1 :] if "exercise" not in c.metadata and "claim" not in tags(c)]
        used += [exercise for name in names(own[-1].source, ast.Store) if is_used(rest, name)]
    assert used, "no answer is used: the lesson goes on with none"


def is_used(cells, name):
    """Whether one of these cells does more with what this name holds now than to show it."""
    for cell in cells:
        for statement in parsed(cell.source).body:
            if name in read_first(statement) and not is_shown(statement):
                return True
            if name in left_behind(statement):
                return False
    return False


def is_shown(statement):
    """Whether a statement is a name, or prints or displays names and constants."""
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    shows = isinstance(value, ast.Call) and ast.unparse(value.func) in (
        "print",
        "display",
        "len",
        "type",
        "repr",
    )
    parts = value.args if shows else [value]
    return all(isinstance(part, (ast.Name, ast.Constant, ast.JoinedStr)) for part in parts)


def test_an_answer_that_is_only_shown_is_not_used():
    for source, used in (
        ("print(answer)", False),
        ("answer", False),
        ('print("so", answer, f"{answer}")', False),
        ("answer = 3\nprint(answer + 1)", False),
        ("print(answer(store, 3))", True),
        ("def f(x):\n    return answer(x)", True),
        ("answer = answer | {1}", True),
    ):
        assert is_used([nbformat.v4.new_code_cell(source)], "answer") is used, source


@each_new_lesson
def test_a_solution_reads_only_names_bound_above_it(lesson):
    """It is run in a copy of the notebook's names, where a learner's answer is not right."""
    above = set(dir(builtins)) | {"display", "get_ipython", "__name__"}
    for cell in code(lesson):
        if "solution" in tags(cell):
            own = names(cell.source, ast.Store) | inner(cell.source)
            missing = names(cell.source, ast.Load) - own - above
            assert not missing, f"{cell.metadata['exercise']}: {missing}"
        above |= names(cell.source, ast.Store)


@each_new_lesson
def test_what_only_a_solution_binds_is_read_by_no_other_cell(lesson):
    """The learner's copy has no solutions, and a check gives back what it is handed."""
    cells = code(lesson)
    for cell in tagged(lesson, "solution"):
        own = [c for c in cells if c.metadata.get("exercise") == cell.metadata["exercise"]]
        for name in left_behind(parsed(cell.source)) - names(own[-1].source, ast.Store):
            assert not reads_from(cells, cell, name) or name in bound_before(cells, cell), name


def bound_before(cells, cell):
    before = cells[: next(i for i, c in enumerate(cells) if c is cell)]
    return set().union(
        *(left_behind(parsed(c.source)) for c in before if not {"claim", "solution"} & set(tags(c)))
    )
