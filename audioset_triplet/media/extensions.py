"""The extensions of audio and video files: what a search of a folder takes. Decoders go by the bytes of a file.

Formats that only their extension tells (gsm, g722, vox, raw) are not here.
"""

# Of containers that may hold images; PyAV (the `video` extra) decodes them.
VIDEO_EXTENSIONS = (
    *(".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".nut", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv"),
)
# What libsndfile decodes.
_SNDFILE_EXTENSIONS = (
    *(".8svx", ".aif", ".aifc", ".aiff", ".aiffc", ".au", ".avr", ".bwf", ".caf", ".flac", ".htk", ".iff"),
    *(".ircam", ".mp1", ".mp2", ".mp3", ".mpa", ".mpga", ".nist", ".oga", ".ogg", ".opus", ".paf", ".pvf", ".rf64"),
    *(".sds", ".sf", ".snd", ".sph", ".svx", ".voc", ".w64", ".wav", ".wave", ".wve", ".xi"),
)
# Audio alone, which PyAV decodes.
_FFMPEG_EXTENSIONS = (
    *(".aac", ".ac3", ".adts", ".amr", ".ape", ".awb", ".dff", ".dsf", ".dts", ".eac3", ".m4a"),
    *(".m4b", ".m4p", ".m4r", ".mka", ".mlp", ".mpc", ".oma", ".ra", ".shn", ".spx", ".tak", ".thd", ".tta", ".wma"),
    *(".wv", ".xwma"),
)
AUDIO_EXTENSIONS = tuple(sorted((*VIDEO_EXTENSIONS, *_SNDFILE_EXTENSIONS, *_FFMPEG_EXTENSIONS)))
