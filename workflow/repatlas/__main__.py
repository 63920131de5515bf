"""`python -m repatlas`."""

import sys

from repatlas.cli import main

sys.exit(main())
