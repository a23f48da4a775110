"""ganc compresses image-translation GAN generators: the library and the toolbox that its six stages share."""

__version__ = "0.1.0"
