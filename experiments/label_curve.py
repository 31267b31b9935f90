r"""How many labels does it take? mAP against the number of annotated clips.

Evaluation 3 of Jansen et al. 2020. With N annotations, random selection learns from N random clips. A selection by
clusters annotates one clip of each of the N largest clusters and learns from all of their clips
(experiments.label_clusters does so with a person's annotations; here the stored labels stand in). Classifiers are
trained --trials times, with other draws, and are measured on other clips.

  python -m experiments.label_curve --embeddings=ALL --train_folds=1,2,3 --folds=4 --output=curve \
      --clusterings='entropy=clusters/entropy-*,k-means=clusters/kmeans-*,entropy-400=clusters/entropy-400'
  python -m experiments.label_curve --embeddings=ALL --train_folds=1,2,3 --folds=4 --output=skewed \
      --ratios=1,10,100,1000 --outside=OTHERS --clusterings=k-means=kmeans:4,entropy=entropy:4 \
      --strategies=clusters,switch,margin,uncertain,mined --classifier=linear

--clusterings names folders that experiments.cluster --task=assign wrote, of whole clips. A name for one folder labels
the N largest of its clusters. A name for several takes for each N the clustering with the fewest clusters among those
with at least N. NAME=kmeans:4 makes a clustering of the clips that can be asked about, with a cluster for every 4.

--ratios thins the classes to a Zipf law, in each trial with other classes as the common ones, and gives a curve for
each ratio and the saving against the ratio. --outside adds clips of none of the classes.

It writes OUTPUT/results.json (label_curve/NAME/N/map, .../map_std, label_curve/NAME/reduction_at_80_percent, ...; with
--ratios label_curve/ratio100/NAME/...) and report.html, again after every classifier. Stop it at any time; the same
command resumes, and computes no finished cell (OUTPUT/cells) again. More --budgets, --trials, --ratios, --strategies
and --clusterings extend it.
"""

from audioset_triplet import command_line
from audioset_triplet.config.label_curve import LabelCurveConfig

command_line.define_flags(LabelCurveConfig)


def main() -> None:
    command_line.require_flags("embeddings", "output")
    config = command_line.config_from_flags(LabelCurveConfig())
    from audioset_triplet.studies import label_curve  # here: TensorFlow takes seconds to load

    print(label_curve.run(config))


if __name__ == "__main__":
    command_line.run(main, writes="output")
