"""`python -m upscaler_client` is `upscale-client`."""

import sys

from upscaler_client.command.main import main

sys.exit(main())
