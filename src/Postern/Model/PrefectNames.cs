namespace Postern.Model;

/// <summary>
/// The kind of thing on a Prefect server that a call means by an id. <see cref="DeploymentOfFlow"/> is what a new deployment takes the place of, by its flow's id and its name: there may be none.
/// </summary>
internal enum PrefectObject : byte
{
    None, Flow, FlowRun, FlowRunState, TaskRun, TaskRunState, Deployment, WorkQueue, Variable, BlockDocument, BlockType, BlockSchema, Artifact, Automation, ConcurrencyLimit, SavedSearch, WorkPool,
    DeploymentOfFlow,
}

/// <summary>The names that a demand on a Prefect server carries. One object beside the demand, so that Temporal's calls don't pay for them.</summary>
internal sealed record PrefectNames
{
    /// <summary>Stands between and around the tags of <see cref="Tags"/>; no tag that can be told from others holds it.</summary>
    public const char TagMark = '\u001f';

    public static readonly PrefectNames None = new();

    /// <summary>The server, by its engine's name in the configuration.</summary>
    public string? Server { get; init; }

    public string? WorkPool { get; init; }

    public string? WorkQueue { get; init; }

    /// <summary>The deployment's own name, without its flow's.</summary>
    public string? Deployment { get; init; }

    public string? Flow { get; init; }

    /// <summary>The object's tags, each between two <see cref="TagMark"/>: <c>␟prod␟eu␟</c>. One mark alone: it has none. Null where they aren't known.</summary>
    public string? Tags { get; init; }

    public string? Variable { get; init; }

    public string? BlockType { get; init; }

    public string? Block { get; init; }

    /// <summary>What <see cref="ObjectId"/> is the id of.</summary>
    public PrefectObject Object { get; init; }

    /// <summary>The id by which the call names what it is about, in the canonical form with hyphens; names that are missing above can be looked up by it.</summary>
    public string? ObjectId { get; init; }

    /// <summary>The tags of a written form, in its order.</summary>
    public static string[] ReadTags(string tags) => tags.Length < 2 ? [] : tags[1..^1].Split(TagMark);

    /// <summary>The written form of a set of tags; null where one of them can't be told from others.</summary>
    public static string? Write(IEnumerable<string> tags)
    {
        var text = new System.Text.StringBuilder().Append(TagMark);
        foreach (var tag in tags)
        {
            if (tag.Contains(TagMark, StringComparison.Ordinal))
            {
                return null;
            }

            text.Append(tag).Append(TagMark);
        }

        return text.ToString();
    }

    public string? NameIn(Dimensions dimension) => dimension switch
    {
        Dimensions.Server => Server,
        Dimensions.WorkPool => WorkPool,
        Dimensions.WorkQueue => WorkQueue,
        Dimensions.Deployment => Deployment,
        Dimensions.Flow => Flow,
        Dimensions.Tag => Tags,
        Dimensions.Variable => Variable,
        Dimensions.BlockType => BlockType,
        Dimensions.Block => Block,
        _ => null,
    };

    public PrefectNames WithName(Dimensions dimension, string? name) => dimension switch
    {
        Dimensions.Server => this with { Server = name },
        Dimensions.WorkPool => this with { WorkPool = name },
        Dimensions.WorkQueue => this with { WorkQueue = name },
        Dimensions.Deployment => this with { Deployment = name },
        Dimensions.Flow => this with { Flow = name },
        // Either the written form, or one tag.
        Dimensions.Tag => this with { Tags = name is null || name.StartsWith(TagMark) ? name : Write([name]) },
        Dimensions.Variable => this with { Variable = name },
        Dimensions.BlockType => this with { BlockType = name },
        Dimensions.Block => this with { Block = name },
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "Not a dimension of Prefect."),
    };
}
