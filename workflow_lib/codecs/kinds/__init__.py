"""One module per kind of codec; docs/add-a-codec.md says what such a module defines.

The registry imports these modules by name. They are light: numpy, torch and libraries that compress
are imported inside functions, because every parse of a study imports the modules of its codecs.
"""
