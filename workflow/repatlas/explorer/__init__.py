"""A page on which a study is explored: opened by double click, with no server and no network.

The page's files lie in `assets`; the study's numbers become pieces, small scripts that the page
adds when it needs them, because a page opened from a disk may load scripts but nothing else.
"""
