"""`python -m segments.services`: looks at files for a web server (`segments.services.aside`)."""

import django

if __name__ == "__main__":
    django.setup()
    from segments.services.aside import main

    main()
