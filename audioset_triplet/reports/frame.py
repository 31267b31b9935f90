"""What every page of the project shares: `page.html.jinja`, with its style, its colours and its foot.

A page is one self-contained HTML file: HTML and CSS with inline SVG for what has text or colours that follow the
reader's light or dark scheme, and with PNG pictures and MP3 sounds inside it; it refers to no other file and to no
address.
"""

from typing import Any, Sequence, Tuple

import jinja2


def render(package: str, template: str, facts: Sequence[Tuple[str, str]], **values: Any) -> str:
    """The page of a template.

    Args:
        package: in which the template lies, and those that it takes macros from.
        template: file name of one that extends `page.html.jinja`.
        facts: (what, value) pairs for the foot of the page.
        values: everything else that the template asks for.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, "") for name in (package, "audioset_triplet.reports")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(facts=facts, **values)
