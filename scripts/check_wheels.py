"""Check built wheels against their sources: ``check_wheels.py DIST``. All of ``src`` is inside, nothing else."""

import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from packages import Package, packages


def problems(package: Package, dist: Path) -> list[str]:
    wheels = sorted(dist.glob(f"{package.module}-*.whl"))
    if len(wheels) != 1:
        return [f"{package.distribution}: {len(wheels)} wheels in {dist}, expected one"]
    with zipfile.ZipFile(wheels[0]) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = package.folder / "src"
    wanted = {
        str(file.relative_to(source))
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
    }
    found = [f"{wheels[0].name}: lacks {name}" for name in sorted(wanted - inside)]
    found += [f"{wheels[0].name}: holds {name}, which is no source" for name in sorted(inside - wanted)]
    if f"{package.module}/py.typed" not in inside:
        found.append(f"{wheels[0].name}: lacks py.typed")
    return found


def main(dist: Path) -> int:
    found = [problem for package in packages() for problem in problems(package, dist)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
