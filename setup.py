"""Put the bill of materials into the wheel (PEP 770): setuptools has no setting for that."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class WithBill(bdist_wheel):
    """A wheel with `sboms/howard.cdx.json` in its .dist-info."""

    def egg2dist(self, egginfo_path: str, distinfo_path: str) -> None:
        """Make the .dist-info, as usual and with the bill."""
        super().egg2dist(egginfo_path, distinfo_path)
        folder = Path(distinfo_path) / "sboms"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(Path(__file__).with_name("sbom.cdx.json"), folder / "howard.cdx.json")


setup(cmdclass={"bdist_wheel": WithBill})
